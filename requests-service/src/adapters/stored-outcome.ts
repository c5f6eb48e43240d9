import type { Outcome } from "@sate/contracts";

/** An outcome is stored as two texts: outputs can be large, and are read only where they are published. */
export function splitOutcome(outcome: Outcome): { text: string; outputs: string | null } {
  if (outcome.status !== "succeeded") return { text: JSON.stringify(outcome), outputs: null };
  const { outputs_json, ...rest } = outcome;
  return { text: JSON.stringify(rest), outputs: outputs_json };
}

/** Where the outputs were not read the outcome has empty ones: only its status and error are of use then. */
export function joinedOutcome(text: string, outputs: string | null | undefined): Outcome {
  const rest = JSON.parse(text) as Outcome;
  return rest.status === "succeeded" ? { ...rest, outputs_json: outputs ?? "" } : rest;
}

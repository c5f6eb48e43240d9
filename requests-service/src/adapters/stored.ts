import type { Outcome, ProcessorAnnouncement, RequestRecord } from "@sate/contracts";
import type { Execution } from "../executions/execution.ts";
import type { Claim, Claimed } from "../ports.ts";
import type { Schedule } from "../schedules/port.ts";

/** An outcome is stored as two texts, because outputs can be large and are read only to be published. */
export function splitOutcome(outcome: Outcome): { text: string; outputs: string | null } {
  if (outcome.status !== "succeeded") return { text: JSON.stringify(outcome), outputs: null };
  const { outputs_json, ...rest } = outcome;
  return { text: JSON.stringify(rest), outputs: outputs_json };
}

/** Without `outputs` they are empty: callers that do not read them need only the status and the error. */
export function joinedOutcome(text: string, outputs: string | null | undefined): Outcome {
  const rest = JSON.parse(text) as Outcome;
  return rest.status === "succeeded" ? { ...rest, outputs_json: outputs ?? "" } : rest;
}

/** Fields with text from clients and handlers are stored as JSON text, too. Those that are absent stay so. */
export function parsed<Name extends keyof Parsed>(
  texts: {
    [N in Name]: string | null | undefined;
  },
): { [N in Name]?: NonNullable<Parsed[N]> } {
  const values: { [N in Name]?: NonNullable<Parsed[N]> } = {};
  for (const name in texts) {
    const text = texts[name];
    if (text) values[name] = JSON.parse(text);
  }
  return values;
}
type Parsed = Pick<Execution, "progress" | "last_error" | "labels"> & Pick<RequestRecord, "start">;

/** The reverse, for the field of a new row or document. */
export const textOf = (value: object | undefined) =>
  value === undefined ? undefined : JSON.stringify(value);

/** The result of a claim from the executions that it named, as they are after it: those that it holds, and the number of the others. */
export function claimResult({ worker_id, claim_id }: Claim, found: Execution[]): Claimed {
  const held = found.filter(
    (one) => one.status === "running" && one.worker_id === worker_id && one.claim_id === claim_id,
  );
  return { held, refused: found.length - held.length };
}

/** An announcement is stored as two texts, because an input schema can be large and is rarely needed. */
export function splitAnnouncement({ input_json: input = null, ...rest }: Announced) {
  return { text: JSON.stringify(rest), input };
}
type Announced = Omit<ProcessorAnnouncement, "input_json"> & { input_json?: string | null };

export function joinedAnnouncement(text: string, input: string | null | undefined): ProcessorAnnouncement {
  const rest = JSON.parse(text) as ProcessorAnnouncement;
  return input ? { ...rest, input_json: input } : rest;
}

/** A schedule is stored field by field, its labels and its error as JSON text. */
export function scheduleFields<S extends Pick<Schedule, "labels" | "last_error">>(schedule: S) {
  const { labels, last_error } = schedule;
  return { ...schedule, labels: textOf(labels), last_error: textOf(last_error) };
}

/** The reverse. */
export function parsedSchedule(fields: Partial<Record<string, unknown>>): Schedule {
  const { labels, last_error, ...rest } = fields as Record<string, string>;
  return {
    ...(rest as unknown as Schedule),
    ...(labels && { labels: JSON.parse(labels) }),
    ...(last_error && { last_error: JSON.parse(last_error) }),
  };
}

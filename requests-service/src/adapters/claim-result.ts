import type { Execution } from "../executions/execution.ts";
import type { Claim, Claimed } from "../ports.ts";

/** Divides the executions named by a claim, as they are after it, into those that it holds and the others. */
export function claimResult({ worker_id, claim_id }: Claim, found: Execution[]): Claimed {
  const held = found.filter(
    (one) => one.status === "running" && one.worker_id === worker_id && one.claim_id === claim_id,
  );
  return { held, refused: found.length - held.length };
}

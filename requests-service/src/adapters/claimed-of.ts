import type { Execution } from "../execution.ts";
import type { Claim, Claimed } from "../ports.ts";

/** Divides the executions that a claim asked for, as they are after it, into those it holds and the others. */
export function claimedOf({ workerId, claimId }: Claim, found: Execution[]): Claimed {
  const held = found.filter(
    (execution) =>
      execution.status === "running" && execution.workerId === workerId && execution.claimId === claimId,
  );
  return { held, refused: found.length - held.length };
}

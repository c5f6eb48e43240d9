import { type Claimable, defaultTimeoutSeconds } from "@sate/contracts";
import type { Execution } from "../executions/execution.ts";
import type { Claim } from "../ports.ts";
import { deadlineOf, isClaimable } from "../waiting/due.ts";

/**
 * A queued execution as this claim makes it, or `null` if it cannot be claimed: it waits, has expired or is past its
 * deadline, or the claim does not name its processor. Without `processors` it may be of any. Pure; `now`: by the clock of
 * the store.
 */
export function claimedBy(
  claim: Claim,
  execution: Execution,
  { processors, now }: { processors: Claimable[] | undefined; now: number },
): (Execution & { deadline_at: number }) | null {
  const timeoutSeconds = processors
    ? processors.find(({ name }) => name === execution.processor)?.timeout_seconds
    : defaultTimeoutSeconds;
  if (timeoutSeconds === undefined || !isClaimable(execution, now)) return null;
  const { mark, wake_at, ...rest } = execution;
  return {
    ...rest,
    ...{ worker_id: claim.worker_id, claim_id: claim.claim_id },
    ...{ status: "running", epoch: execution.epoch + 1, cancel_requested: false },
    deadline_at: deadlineOf(execution, timeoutSeconds, now),
  };
}

/** One of each list in turn, beginning with the list at `first`, up to `limit`, so no list starves another. */
export function inTurn<T>(lists: T[][], limit: number, first: number): T[] {
  const inOrder = [...lists.slice(first), ...lists.slice(0, first)];
  const longest = Math.max(0, ...lists.map(({ length }) => length));
  const taken: T[] = [];
  for (let place = 0; place < longest && taken.length < limit; place++) {
    for (const list of inOrder) if (place < list.length) taken.push(list[place] as T);
  }
  return taken.slice(0, limit);
}

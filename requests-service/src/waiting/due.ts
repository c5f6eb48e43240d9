import type { Execution } from "../executions/execution.ts";

/**
 * A queued execution may wait: for a start that its client asked for, or for a retry. It then has `start_after` and no
 * outbox mark. The waiting sweep clears `start_after` when its instant has come, and sets the mark in the same write. So
 * an execution without `start_after` may be claimed, and claims compare no clock to find one.
 *
 * All instants are ms since 1970 by the clock of the store. The functions here are pure.
 */
type Waiting = Pick<Execution, "epoch" | "start_after" | "expires_at" | "deadline_at">;

/** What has become due for a queued execution: to be woken, or to end as failed. `null`: nothing yet. */
export function due(execution: Waiting, now: number): "wake" | "expired" | "timeout" | null {
  const { start_after, deadline_at } = execution;
  if (hasCome(deadline_at, now)) return "timeout";
  if (hasCome(expiryOf(execution), now)) return "expired";
  return hasCome(start_after, now) ? "wake" : null;
}

/** The earliest instant at which something becomes due for a queued execution. `undefined`: it waits for no instant. */
export function wakeAt(execution: Waiting): number | undefined {
  const instants = [execution.start_after, expiryOf(execution), execution.deadline_at];
  const known = instants.filter((instant) => instant !== undefined);
  return known.length > 0 ? Math.min(...known) : undefined;
}

/** Whether an execution may be claimed. */
export function isClaimable(execution: Waiting & Pick<Execution, "status">, now: number): boolean {
  return execution.status === "queued" && execution.start_after === undefined && due(execution, now) === null;
}

/**
 * The deadline of an execution that is claimed now. The first claim sets it, and it covers all tries and lost runs.
 * `timeoutSeconds`: the timeout of its processor. The deadline is at most this long after `now`, so setting the clock
 * back gives no run additional time.
 */
export function deadlineOf(
  { deadline_at, timeout_seconds }: Pick<Execution, "deadline_at" | "timeout_seconds">,
  timeoutSeconds: number,
  now: number,
): number {
  const latest = now + Math.ceil(Math.min(timeout_seconds ?? timeoutSeconds, timeoutSeconds) * 1_000);
  return Math.min(deadline_at ?? latest, latest);
}

/** Only an execution that has not run yet can expire. */
function expiryOf({ epoch, expires_at }: Waiting): number | undefined {
  return epoch === 0 ? expires_at : undefined;
}

function hasCome(instant: number | undefined, now: number): boolean {
  return instant !== undefined && instant <= now;
}

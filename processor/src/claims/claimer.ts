import type { ExecutionRef, Run } from "@sate/contracts";
import { errorFields, failpoint } from "@sate/contracts/runtime";
import type { Lease } from "../lease/lease.ts";
import type { Ports } from "../ports.ts";
import type { Runs } from "../runs/table.ts";
import { backoffMs } from "../time.ts";
import { createWakeUpQueue } from "../wakeups/queue.ts";
import { type NextClaim, nextClaim } from "./next-claim.ts";

export type ClaimUnderWay = { claimId: string; workerId: string };

const wakeUpsMax = 4_096;

/**
 * Claims what there is room for, one claim at a time; `nextClaim` says which, and the runs are started.
 *
 * A claim without a response may have taken effect. Its wake-ups go back to the queue and are claimed once more
 * after a pause: those that it did win are refused then, and the heartbeat, whose response lists them, releases them.
 */
export function createClaimer(ports: Ports, { lease, runs }: { lease: Lease; runs: Runs }) {
  const { requests, time, random, newId, counters, log } = ports;
  const wakeUps = createWakeUpQueue(wakeUpsMax);
  let mayBeMore = false;
  let underWay: ClaimUnderWay | null = null;
  let claiming: Promise<void> = Promise.resolve();
  let failures = 0;
  let retryAt = Number.NEGATIVE_INFINITY;
  let gainedAt = Number.NEGATIVE_INFINITY;
  let polledAt = Number.NEGATIVE_INFINITY;
  let jitter = 1;
  let isScheduled = false;
  let isClosed = false;

  function claimNext(): void {
    const now = time.monotonic();
    const workerId = lease.id();
    if (underWay !== null || isClosed || workerId === null || now < retryAt) return;
    const next = nextClaim({
      room: runs.room(),
      wakeUps: wakeUps.size,
      mayBeMore,
      sinceGainMs: now - gainedAt,
      sincePollMs: now - polledAt,
      jitter,
    });
    if (next === null) return;
    underWay = { claimId: newId(), workerId };
    claiming = claim(next, underWay).then(() => {
      underWay = null;
      claimNext();
    });
  }

  async function claim(next: NonNullable<NextClaim>, ids: ClaimUnderWay): Promise<void> {
    const named = next.kind === "named" ? wakeUps.take(next.count) : [];
    try {
      const claimed = next.kind === "named" ? await claimNamed(named, ids) : await poll(next.limit, ids);
      failures = 0;
      if (claimed.length > 0) {
        failpoint("processor.claimed");
        gainedAt = time.monotonic();
      }
      // A worker whose lease has expired meanwhile must not start anything.
      if (isClosed || lease.id() !== ids.workerId) counters.add("runs_not_started", claimed.length);
      else for (const run of claimed) runs.start(run, ids.workerId);
    } catch (error) {
      const dropped = wakeUps.requeue(named);
      counters.add("hints_dropped", dropped);
      if (dropped > 0 || next.kind !== "named") mayBeMore = true;
      retryAt = time.monotonic() + backoffMs(++failures, random());
      counters.add("claims_unanswered");
      if (failures === 1) log.warn("claim without a response; it is retried", errorFields(error));
    }
  }

  async function claimNamed(executions: ExecutionRef[], ids: ClaimUnderWay): Promise<Run[]> {
    counters.add("claims");
    const { claimId: claim_id, workerId: worker_id } = ids;
    const result = await requests.claim({ worker_id, claim_id, executions });
    counters.add("claims_refused", result.refused);
    counters.add("claims_unknown", result.unknown);
    // Executions that the response had no room for are still queued.
    if (result.left) mayBeMore = true;
    // Other workers have taken all of these, so most likely also what waits behind them: a poll finds what they left.
    if (result.runs.length === 0 && result.refused === executions.length && wakeUps.size > 0) {
      wakeUps.clear();
      mayBeMore = true;
    }
    return result.runs;
  }

  async function poll(limit: number, ids: ClaimUnderWay): Promise<Run[]> {
    counters.add("claim_any");
    polledAt = time.monotonic();
    jitter = 1 + random() / 2;
    mayBeMore = false; // unless a wake-up is dropped meanwhile
    const { claimId: claim_id, workerId: worker_id } = ids;
    const result = await requests.claimAny({ worker_id, claim_id, limit });
    // Refused ones were queued a moment ago, until other workers took them: as good a sign that there are more.
    // But where nothing was won, polling again at once would only race with the same workers.
    const isFull = result.runs.length + result.refused >= limit || Boolean(result.left);
    if (result.runs.length > 0 && isFull) mayBeMore = true;
    return result.runs;
  }

  /** Claims at the end of this turn of the event loop, once for all the room that comes to be in it. */
  function claimSoon(): void {
    if (isScheduled) return;
    isScheduled = true;
    setImmediate(() => {
      isScheduled = false;
      claimNext();
    });
  }
  runs.onRoom(claimSoon);

  return {
    /**
     * Takes wake-ups, as many as the queue has room for: the database knows the others. Resolves when the claim under
     * way is over: what arrives meanwhile is claimed together.
     */
    enqueue(refs: ExecutionRef[]): Promise<void> {
      for (const ref of refs) {
        if (wakeUps.add(ref)) continue;
        counters.add("hints_dropped");
        mayBeMore = true;
      }
      claimNext();
      return claiming;
    },
    /** Claims if there is reason to. To be called a few times a second: for pauses that are over, and for polls. */
    claimNext,
    underWay: (): ClaimUnderWay | null => underWay,
    /** Makes no more claims; the runs of one under way are not started. Resolves when that one is over. */
    close(): Promise<void> {
      isClosed = true;
      return claiming;
    },
  };
}

export type Claimer = ReturnType<typeof createClaimer>;

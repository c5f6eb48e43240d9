import type { ExecutionRef, Run } from "@sate/contracts";
import { errorFields, failpoint } from "@sate/contracts/runtime";
import type { Lease } from "../lease/lease.ts";
import type { Ports } from "../ports.ts";
import type { Runs } from "../runs/table.ts";
import { backoffMs } from "../time.ts";
import { type NextClaim, nextClaim } from "./next-claim.ts";

type ClaimIds = { claim_id: string; worker_id: string };

const wakeUpsMax = 4_096;

/**
 * Claims executions for the free slots, one claim at a time, and starts their runs. `nextClaim` decides what to claim.
 *
 * Wake-ups are executions that records named and that this process has not tried to claim yet: first in, first out,
 * each execution once. Losing one is harmless, because the database knows what is queued.
 *
 * A claim without a response may have taken effect. Its wake-ups are requeued and claimed again after a pause. If the
 * first claim did take effect, the second is refused, and the heartbeat, whose response lists these runs, releases them.
 */
export function createClaimer(ports: Ports, { lease, runs }: { lease: Lease; runs: Runs }) {
  const { requests, time, random, newId, counters, log } = ports;
  let wakeUps = new Map<string, ExecutionRef>();
  let mayBeMore = false;
  let underWay: ClaimIds | null = null;
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
    const worker_id = lease.id();
    if (underWay !== null || isClosed || worker_id === null || now < retryAt) return;
    const next = nextClaim({
      room: runs.room(),
      wakeUps: wakeUps.size,
      mayBeMore,
      sinceGainMs: now - gainedAt,
      sincePollMs: now - polledAt,
      jitter,
    });
    if (next === null) return;
    underWay = { claim_id: newId(), worker_id };
    claiming = claim(next, underWay).then(() => {
      underWay = null;
      claimNext();
    });
  }

  async function claim(next: NonNullable<NextClaim>, ids: ClaimIds): Promise<void> {
    const named = next.kind === "named" ? takeWakeUps(next.count) : [];
    try {
      const claimed = next.kind === "named" ? await claimNamed(named, ids) : await poll(next.limit, ids);
      failures = 0;
      if (claimed.length > 0) {
        failpoint("processor.claimed");
        gainedAt = time.monotonic();
      }
      // A worker whose lease has expired meanwhile must not start anything.
      if (isClosed || lease.id() !== ids.worker_id) counters.add("runs_not_started", claimed.length);
      else for (const run of claimed) runs.start(run, ids.worker_id);
    } catch (error) {
      requeueWakeUps(named);
      if (next.kind !== "named") mayBeMore = true;
      retryAt = time.monotonic() + backoffMs(++failures, random());
      counters.add("claims_unanswered");
      if (failures === 1) log.warn("a claim got no response; it will be retried", errorFields(error));
    }
  }

  async function claimNamed(executions: ExecutionRef[], ids: ClaimIds): Promise<Run[]> {
    counters.add("claims");
    const result = await requests.claim({ ...ids, executions });
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

  async function poll(limit: number, ids: ClaimIds): Promise<Run[]> {
    counters.add("claim_any");
    polledAt = time.monotonic();
    jitter = 1 + random() / 2;
    mayBeMore = false; // unless a wake-up is dropped meanwhile
    const result = await requests.claimAny({ ...ids, limit });
    // Refused ones were queued a moment ago, until other workers took them: as good a sign that there are more.
    // But where nothing was won, polling again at once would only race with the same workers.
    const isFull = result.runs.length + result.refused >= limit || Boolean(result.left);
    if (result.runs.length > 0 && isFull) mayBeMore = true;
    return result.runs;
  }

  function takeWakeUps(count: number): ExecutionRef[] {
    const taken = wakeUps.values().take(count).toArray();
    for (const { execution_id } of taken) wakeUps.delete(execution_id);
    return taken;
  }

  /** Puts them back at the front of the queue. If it is then too long, the last ones are dropped. */
  function requeueWakeUps(refs: ExecutionRef[]): void {
    const all = new Map([...refs.map((ref) => [ref.execution_id, ref] as const), ...wakeUps]);
    wakeUps = new Map(all.entries().take(wakeUpsMax));
    dropped(all.size - wakeUps.size);
  }

  function dropped(count: number): void {
    counters.add("wake_ups_dropped", count);
    if (count > 0) mayBeMore = true;
  }

  /** Claims at the end of this turn of the event loop, once for all slots that become free in it. */
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
        const hasPlace = wakeUps.size < wakeUpsMax || wakeUps.has(ref.execution_id);
        if (hasPlace) wakeUps.set(ref.execution_id, ref);
        else dropped(1);
      }
      claimNext();
      return claiming;
    },
    /** Claims if there is a reason to. Must be called a few times a second, for pauses that have ended and for polls. */
    claimNext,
    underWay: (): ClaimIds | null => underWay,
    /** Makes no more claims; the runs of one under way are not started. Resolves when that one is over. */
    close(): Promise<void> {
      isClosed = true;
      return claiming;
    },
  };
}

export type Claimer = ReturnType<typeof createClaimer>;

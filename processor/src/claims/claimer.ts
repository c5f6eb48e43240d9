import { type Claimable, type Run, type RunRef, runRef } from "@sate/contracts";
import { errorFields, failpoint } from "@sate/contracts/runtime";
import type { Lease } from "../lease/lease.ts";
import type { Ports } from "../ports.ts";
import type { Runs } from "../runs/table.ts";
import { backoffMs } from "../time.ts";
import { createWakeUps, type NamedWakeUp } from "../wake-ups/queues.ts";
import { type NextClaim, nextClaim } from "./next-claim.ts";

type ClaimIds = { claim_id: string; worker_id: string };

/**
 * Claims executions for the free slots, one claim at a time, and starts their runs. `nextClaim` decides what to claim.
 * A claim names the processors that have room, and how much.
 *
 * A claim without a response may have taken effect. Its wake-ups are requeued and claimed again after a pause. If the
 * first claim did take effect, the second is refused, and the heartbeat, whose response lists these runs, releases
 * them.
 */
export function createClaimer(ports: Ports, { lease, runs }: { lease: Lease; runs: Runs }) {
  const { requests, processors, time, random, newId, counters, log } = ports;
  const wakeUps = createWakeUps();
  /** The processors that probably have more queued executions than wake-ups. */
  const mayBeMore = new Set<string>();
  let polls = 0;
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
    const rooms = runs.roomByProcessor();
    const next = nextClaim({
      room: Math.min(runs.room(), sumOf(rooms)),
      wakeUps: wakeUps.ready(rooms),
      mayBeMore: rooms.some(({ name }) => mayBeMore.has(name)),
      // A worker without shared slots has room for Sate's own processors only, which wake-ups nearly always name.
      sinceGainMs: runs.isFull() ? 0 : now - gainedAt,
      sincePollMs: now - polledAt,
      jitter,
    });
    if (next === null) return;
    underWay = { claim_id: newId(), worker_id };
    claiming = claim(next, rooms, underWay).then(() => {
      underWay = null;
      claimNext();
    });
  }

  async function claim(next: NonNullable<NextClaim>, rooms: Claimable[], ids: ClaimIds): Promise<void> {
    const named = next.kind === "named" ? wakeUps.take(rooms, next.count) : [];
    try {
      const claimed =
        next.kind === "named" ? await claimNamed(named, rooms, ids) : await poll(next.limit, rooms, ids);
      failures = 0;
      if (claimed.length > 0) {
        failpoint("processor.claimed");
        gainedAt = time.monotonic();
      }
      // A worker whose lease has expired meanwhile must not start anything.
      if (isClosed || lease.id() !== ids.worker_id) counters.add("runs_not_started", claimed.length);
      else handBack(claimed.filter((run) => !runs.start(run, ids.worker_id)));
    } catch (error) {
      for (const { processor } of wakeUps.requeue(named)) dropped(processor, 1);
      if (next.kind !== "named") expectMore(rooms);
      retryAt = time.monotonic() + backoffMs(++failures, random());
      counters.add("claims_unanswered");
      if (failures === 1) log.warn("a claim got no response; it will be retried", errorFields(error));
    }
  }

  async function claimNamed(named: NamedWakeUp[], rooms: Claimable[], ids: ClaimIds): Promise<Run[]> {
    counters.add("claims");
    const executions = named.map(({ processor, ...ref }) => ref);
    const result = await requests.claim({ ...ids, executions, processors: rooms });
    counters.add("claims_refused", result.refused);
    counters.add("claims_unknown", result.unknown);
    // Executions that the response had no room for are still queued.
    if (result.left) expectMore(rooms);
    // Other workers have taken all of these, so most likely also what waits behind them: a poll finds what they left.
    if (result.runs.length === 0 && result.refused === named.length) {
      for (const processor of new Set(named.map((one) => one.processor))) {
        if (wakeUps.drop(processor) > 0) mayBeMore.add(processor);
      }
    }
    return result.runs;
  }

  async function poll(limit: number, rooms: Claimable[], ids: ClaimIds): Promise<Run[]> {
    counters.add("claim_any");
    polledAt = time.monotonic();
    jitter = 1 + random() / 2;
    for (const { name } of rooms) mayBeMore.delete(name); // unless a wake-up is dropped meanwhile
    // The order rotates: with little room, only the first processors may get executions.
    const first = polls++ % rooms.length;
    const inTurn = [...rooms.slice(first), ...rooms.slice(0, first)];
    const result = await requests.claimAny({ ...ids, limit, processors: inTurn });
    // Refused ones were queued a moment ago, until other workers took them: as good a sign that there are more.
    // But where nothing was won, polling again at once would only race with the same workers.
    if (result.runs.length === 0) return result.runs;
    if (result.runs.length + result.refused >= limit || result.left) expectMore(rooms);
    const won = Map.groupBy(result.runs, ({ processor }) => processor);
    expectMore(rooms.filter((room) => (won.get(room.name)?.length ?? 0) >= room.limit));
    return result.runs;
  }

  function expectMore(rooms: readonly { name: string }[]): void {
    for (const { name } of rooms) mayBeMore.add(name);
  }

  function dropped(processor: string, count: number): void {
    counters.add("wake_ups_dropped", count);
    mayBeMore.add(processor);
  }

  /** Their processor is no longer served. Without a response the heartbeat releases them, as they are not held here. */
  function handBack(unserved: RunRef[]): void {
    if (unserved.length === 0) return;
    counters.add("runs_handed_back", unserved.length);
    requests.handBack({ runs: unserved.map(runRef) }).catch((error) => {
      log.warn("could not hand runs back; they are released after the next heartbeats", errorFields(error));
    });
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

  const served = () => processors.all().map(({ announcement }) => announcement);
  const serve = () => wakeUps.serve(served().map(({ name }) => name));
  serve();

  /** Claims whatever is queued, as soon as there is room. */
  function pollSoon(): void {
    expectMore(served());
    claimSoon();
  }

  return {
    pollSoon,
    /** Must be called when the served processors have changed. */
    servedChanged(): void {
      serve();
      pollSoon();
    },
    /**
     * Takes as many wake-ups as the queues have room for: the database knows the others. Resolves when the claim under
     * way is over: what arrives meanwhile is claimed together.
     */
    enqueue(arrived: NamedWakeUp[]): Promise<void> {
      for (const wakeUp of arrived) if (!wakeUps.add(wakeUp)) dropped(wakeUp.processor, 1);
      claimNext();
      return claiming;
    },
    /**
     * Claims if there is a reason to. Must be called a few times a second, for pauses that have ended and for polls.
     */
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

function sumOf(rooms: readonly Claimable[]): number {
  return rooms.reduce((sum, { limit }) => sum + limit, 0);
}

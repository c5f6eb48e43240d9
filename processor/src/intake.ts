import type { ExecutionRef, Run } from "@sate/contracts";
import { backoffMs } from "./backoff.ts";
import { failpoint } from "./failpoint.ts";
import { answered, createHints, type Hint } from "./hints.ts";
import { type NextClaim, nextClaim } from "./next-claim.ts";
import type { Requests } from "./ports.ts";
import { errorFields, type Log } from "./runtime/log.ts";
import type { Counters } from "./runtime/metrics.ts";
import type { Time } from "./time.ts";

/**
 * Claims what there is room for. One claim at a time; `nextClaim` says which.
 *
 * A claim without an answer may have been carried out. Its hints go back to the queue and are claimed once
 * more, after a pause: those that it did win are refused then, and the heartbeat, whose answer lists them,
 * hands them back.
 */
export type Intake = {
  /**
   * Takes hints. Resolves when those that find room now are claimed, or could not be; at once for the others,
   * which stay here until there is room: the database knows them, so nothing else needs to.
   */
  hear(refs: ExecutionRef[]): Promise<void>;
  /** There may be more room than before: looks at the end of this turn of the event loop. */
  wake(): void;
  /** To be called a few times a second: for pauses that are over, and executions that were not heard. */
  tick(): void;
  claimUnderWay(): ClaimUnderWay | null;
  /** No more claims; what the one under way brings is not started. Resolves when it is over. */
  close(): Promise<void>;
};

export type ClaimUnderWay = { claimId: string; workerId: string };

const hintsMax = 4_096;

export function createIntake(parts: {
  requests: Pick<Requests, "claim" | "claimAny">;
  /** The worker that may claim now, if any. */
  workerId: () => string | null;
  room: () => number;
  start: (run: Run, workerId: string) => void;
  time: Time;
  random: () => number;
  newId: () => string;
  counters: Counters;
  log: Log;
}): Intake {
  const { requests, workerId, room, start, time, random, newId, counters, log } = parts;
  const hints = createHints(hintsMax);
  let mayBeMore = false;
  let underWay: ClaimUnderWay | null = null;
  let claiming: Promise<void> = Promise.resolve();
  let failures = 0;
  let retryAt = Number.NEGATIVE_INFINITY;
  let gainedAt = Number.NEGATIVE_INFINITY;
  let askedAt = Number.NEGATIVE_INFINITY;
  let jitter = 1;
  let isWoken = false;
  let isClosed = false;

  function choose(now: number): NextClaim {
    const sinceGainMs = now - gainedAt;
    const sinceAskMs = now - askedAt;
    return nextClaim({ room: room(), hints: hints.size, mayBeMore, sinceGainMs, sinceAskMs, jitter });
  }

  function look(): void {
    if (underWay !== null) return;
    const worker = isClosed ? null : workerId();
    const now = time.monotonic();
    const next = worker === null || now < retryAt ? null : choose(now);
    if (worker === null || next === null) {
      hints.settle();
      return;
    }
    underWay = { claimId: newId(), workerId: worker };
    claiming = claim(next, underWay).then(() => {
      underWay = null;
      look();
    });
  }

  async function claim(next: NonNullable<NextClaim>, ids: ClaimUnderWay): Promise<void> {
    const taken = next.kind === "hints" ? hints.take(next.count) : [];
    try {
      const runs = next.kind === "hints" ? await claimHints(taken, ids) : await claimAny(next.limit, ids);
      failures = 0;
      if (runs.length > 0) {
        failpoint("processor.claimed");
        gainedAt = time.monotonic();
      }
      // A worker that was given up meanwhile, or whose lease ran out, must not start anything.
      if (isClosed || workerId() !== ids.workerId) counters.add("runs_not_started", runs.length);
      else for (const run of runs) start(run, ids.workerId);
    } catch (error) {
      hints.putBack(taken);
      retryAt = time.monotonic() + backoffMs(++failures, random());
      counters.add("claims_unanswered");
      if (failures === 1) log.warn("a claim was not answered; it is repeated", errorFields(error));
    }
    for (const hint of taken) answered(hint);
  }

  async function claimHints(taken: Hint[], { claimId, workerId }: ClaimUnderWay): Promise<Run[]> {
    counters.add("claims");
    const executions = taken.map(({ ref }) => ref);
    const answer = await requests.claim({ worker_id: workerId, claim_id: claimId, executions });
    counters.add("claims_refused", answer.refused);
    counters.add("claims_unknown", answer.unknown);
    // What the answer had no room for is queued as before.
    if (answer.left) mayBeMore = true;
    return answer.runs;
  }

  async function claimAny(limit: number, { claimId, workerId }: ClaimUnderWay): Promise<Run[]> {
    counters.add("claim_any");
    askedAt = time.monotonic();
    jitter = 1 + random() / 2;
    mayBeMore = false; // unless a hint is dropped meanwhile
    const answer = await requests.claimAny({ worker_id: workerId, claim_id: claimId, limit });
    // Those refused were queued a moment ago, and others took them: as good a sign that there are more.
    // But where nothing was won, asking at once would only be a race against the same others.
    const isFull = answer.runs.length + answer.refused >= limit || Boolean(answer.left);
    if (answer.runs.length > 0 && isFull) mayBeMore = true;
    return answer.runs;
  }

  return {
    async hear(refs) {
      if (isClosed) return;
      let roomLeft = room() - hints.size;
      const claims: Promise<void>[] = [];
      for (const ref of refs) {
        const claimed = Promise.withResolvers<void>();
        if (!hints.add(ref, claimed.resolve)) {
          counters.add("hints_dropped");
          mayBeMore = true;
        } else if (roomLeft-- > 0) claims.push(claimed.promise);
      }
      look();
      await Promise.all(claims);
    },
    wake() {
      if (isWoken) return;
      isWoken = true;
      setImmediate(() => {
        isWoken = false;
        look();
      });
    },
    tick: look,
    claimUnderWay: () => underWay,
    async close() {
      isClosed = true;
      hints.clear();
      await claiming;
    },
  };
}

import { limits, type RequestsApi } from "@sate/contracts";
import type { ClaimUnderWay } from "./intake.ts";
import type { Requests } from "./ports.ts";
import { type Doubts, noDoubts, reconcile } from "./reconcile.ts";
import type { Runs } from "./runs.ts";
import { inTime } from "./runtime/deadline.ts";
import { errorFields, type Log } from "./runtime/log.ts";
import type { Counters } from "./runtime/metrics.ts";
import type { Time } from "./time.ts";

/**
 * The worker: one boot of a processor, with one lease for all its runs.
 *
 *     new ──registered──▶ alive ──given up, or cut off for most of the lease──▶ gone, and a new one begins
 *
 * Sweepers of requests-service give a worker up after ten of their sweeps without a moved beat, a tenth of the
 * lease each: never before a whole lease is over. The worker gives itself up after two thirds of a lease
 * without an answered beat, counted from when that beat was sent. So its runs are aborted before anybody else
 * may run them, unless the process was frozen: then at its first turn after that.
 *
 * What a worker that is gone held in the database goes back to the queue: by the sweepers, or, if it gave
 * itself up and its handlers have all ended, by its successor, and then it is not counted as lost.
 */
export type Worker = {
  /** Registers, or beats and does what the answer asks for. Rejects if there is no answer in time. */
  turn(): Promise<void>;
  /** Looks at the clock: gives the worker up if its lease is running out. */
  expire(): void;
  /** The worker that may claim, start and finish at this moment, or `null`. */
  id(): string | null;
  /** A clean end: hands back all that the worker still holds. Rejects if that was not answered. */
  end(): Promise<void>;
};

/** Beats in a lease. */
export const beatsPerLease = 10;
const ownShareOfLease = 2 / 3;
/** An unanswered beat must leave time for another. */
const answerShareOfLease = 1 / 3;
const leftoversMax = 16;

type HeartbeatAnswer = Awaited<ReturnType<RequestsApi["heartbeat"]>>;
type Life = { id: string; isRegistered: boolean; beatenAt: number };

export function createWorker(parts: {
  requests: Pick<Requests, "registerWorker" | "heartbeat" | "endWorker" | "handBack">;
  runs: Pick<Runs, "held" | "running" | "abort" | "abortAll">;
  claimUnderWay: () => ClaimUnderWay | null;
  /** The worker may claim from now on. */
  onRegistered: () => void;
  leaseMs: number;
  time: Time;
  newId: () => string;
  counters: Counters;
  log: Log;
}): Worker {
  const { requests, runs, claimUnderWay, onRegistered, leaseMs, time, newId, counters, log } = parts;
  const answerMs = leaseMs * answerShareOfLease;
  const born = (): Life => ({ id: newId(), isRegistered: false, beatenAt: 0 });
  let current = born();
  let doubts: Doubts = noDoubts();
  /** Workers that gave themselves up, whose handlers have ended and whose runs nobody has put back yet. */
  let leftovers: string[] = [];
  let isEnded = false;

  function expire(): void {
    if (!current.isRegistered || time.monotonic() - current.beatenAt < leaseMs * ownShareOfLease) return;
    const { id } = current;
    void retire("it was cut off or stopped for most of its lease").then(() => {
      leftovers = [...leftovers, id].slice(-leftoversMax);
    });
  }

  /** Resolves when the handlers of the worker that is gone have ended. */
  function retire(why: string): Promise<void> {
    const { id } = current;
    counters.add("workers_given_up");
    log.warn("the worker is given up; a new one begins", { worker_id: id, why });
    current = born();
    doubts = noDoubts();
    return runs.abortAll("fenced", id);
  }

  async function register(): Promise<void> {
    const life = current;
    const sentAt = time.monotonic();
    try {
      await inTime(requests.registerWorker({ worker_id: life.id }), answerMs);
    } catch (error) {
      // It may have been carried out: then the sweepers count this id's silence from now on, and to begin
      // work under it later would be to begin with a lease that has almost run out.
      if (life === current) current = born();
      throw error;
    }
    if (life !== current || isEnded) return;
    life.isRegistered = true;
    life.beatenAt = sentAt;
    log.info("a worker is registered", { worker_id: life.id });
    onRegistered();
  }

  async function beat(): Promise<void> {
    const life = current;
    const sentAt = time.monotonic();
    const ranBefore = runs.running();
    counters.add("heartbeats");
    const answer = await inTime(requests.heartbeat({ worker_id: life.id }), answerMs);
    if (life !== current || isEnded) return;
    if (answer.kind === "given_up") {
      void retire("requests-service has given it up");
      return register();
    }
    life.beatenAt = sentAt;
    await compare(answer, ranBefore);
  }

  async function compare(
    { runs: listed }: Extract<HeartbeatAnswer, { kind: "alive" }>,
    ranBefore: Set<string>,
  ): Promise<void> {
    const found = reconcile(doubts, {
      listed,
      isComplete: listed.length < limits.workerRunsMax,
      ranBefore,
      running: runs.running(),
      held: runs.held(),
      claimUnderWay: claimUnderWay()?.claimId ?? null,
    });
    doubts = found.doubts;
    for (const key of found.cancel) runs.abort(key, "cancelled");
    for (const key of found.taken) runs.abort(key, "fenced");
    counters.add("runs_taken", found.taken.length);
    if (found.handBack.length === 0) return;
    counters.add("runs_handed_back", found.handBack.length);
    log.info("runs whose claim was not answered are handed back", { runs: found.handBack.length });
    await requests.handBack({ runs: found.handBack });
  }

  /** One a turn. An answer that does not come is no harm: the sweepers do it, a lease later. */
  async function endLeftover(): Promise<void> {
    const id = leftovers.find((one) => claimUnderWay()?.workerId !== one);
    if (id === undefined) return;
    leftovers = leftovers.filter((one) => one !== id);
    try {
      await requests.endWorker({ worker_id: id });
    } catch (error) {
      log.warn("could not end a worker that is gone; it will be swept", errorFields(error));
    }
  }

  return {
    async turn() {
      expire();
      await (current.isRegistered ? beat() : register());
      await endLeftover();
    },
    expire,
    id() {
      expire();
      return current.isRegistered && !isEnded ? current.id : null;
    },
    async end() {
      isEnded = true;
      const ids = current.isRegistered ? [current.id, ...leftovers] : leftovers;
      await Promise.all(ids.map((worker_id) => requests.endWorker({ worker_id })));
    },
  };
}

import { isOwnProcessor } from "@sate/contracts";
import { errorFields, inTime } from "@sate/contracts/runtime";
import type { Claimer } from "../claims/claimer.ts";
import type { Ports } from "../ports.ts";
import type { Runs } from "../runs/table.ts";
import { createGroupWarning } from "./group-warning.ts";
import type { Lease } from "./lease.ts";
import { type Doubts, noDoubts, reconcile, type Seen } from "./reconcile.ts";

export const heartbeatsPerLease = 10;
/** The time for a response. It must leave time for another heartbeat within the lease. */
const responseShareOfLease = 1 / 3;
const leftoversMax = 16;

/**
 * Announces the processors with the registration of a worker, renews the lease, and does what the responses ask for.
 *
 * The sweepers of requests-service expire a worker after ten of their sweeps without a moved heartbeat, a tenth of
 * the lease each: never before a whole lease is over. This process treats its lease as expired after two thirds of
 * it, so its runs are aborted before another worker may run them; unless it was frozen, then as soon as it wakes.
 *
 * What an expired worker holds in the database is requeued: by the sweepers, or, if the process noticed first and
 * its handlers have all ended, by the next worker, and then it does not count as lost.
 */
export function createHeartbeat(
  { requests, processors, time, counters, log }: Ports,
  { leaseMs, workerName, group }: { leaseMs: number; workerName: string; group?: string },
  { lease, runs, claimer }: { lease: Lease; runs: Runs; claimer: Claimer },
) {
  const responseMs = leaseMs * responseShareOfLease;
  const named = { name: workerName, ...(group !== undefined && { group }) };
  const warnOfGroup = createGroupWarning(log, group);
  let doubts: Doubts = noDoubts();
  /** Expired workers whose handlers have ended and whose runs have not been requeued yet. */
  let leftovers: string[] = [];
  /** Whether requests-service knows the processors of the current worker. */
  let isAnnounced = false;

  function expire(): void {
    if (!lease.hasExpired()) return;
    const id = lease.workerId();
    void replace("no heartbeat was acknowledged for two thirds of the lease").then(() => {
      leftovers = [...leftovers, id].slice(-leftoversMax);
    });
  }

  /** Resolves when the handlers of the expired worker have ended. */
  function replace(why: string): Promise<void> {
    const id = lease.workerId();
    counters.add("workers_given_up");
    log.warn("worker lease expired; a new worker begins", { worker_id: id, why });
    lease.replace();
    doubts = noDoubts();
    return runs.abortAll("fenced", id);
  }

  async function announce(worker_id: string): Promise<void> {
    const served = processors.all().map(({ announcement }) => announcement);
    const announcements = served.filter(({ name }) => !isOwnProcessor(name));
    isAnnounced = true; // unless they change meanwhile
    try {
      const registration = { worker_id, ...named, processors: announcements };
      const registered = await inTime(requests.registerWorker(registration), responseMs);
      const { refused = [], group_differs = [] } = registered;
      warnOfGroup(group_differs);
      if (refused.length > 0)
        log.error("too many processors are known: these announcements were refused", {
          refused: refused.join(" "),
        });
    } catch (error) {
      isAnnounced = false;
      throw error;
    }
  }

  async function register(): Promise<void> {
    const id = lease.workerId();
    const sentAt = time.monotonic();
    try {
      await announce(id);
    } catch (error) {
      // It may have taken effect. The sweepers then count the lease of this id from now on, and work that began under it
      // later would have a lease that has almost expired.
      lease.replace();
      throw error;
    }
    if (!lease.renew(id, sentAt)) return;
    const names = processors.all().map(({ announcement }) => announcement.name);
    log.info("worker registered", { worker_id: id, processors: names.join(" ") });
    claimer.claimNext();
  }

  async function beat(): Promise<void> {
    const id = lease.workerId();
    const sentAt = time.monotonic();
    const ranBefore = runs.running();
    const progress = runs.newProgress();
    counters.add("heartbeats");
    const beat = { worker_id: id, ...(progress.length > 0 && { progress }) };
    const response = await inTime(requests.heartbeat(beat), responseMs);
    expire();
    if (response.kind === "alive") {
      runs.progressReported(progress);
      if (lease.renew(id, sentAt)) await compare(response.runs, ranBefore);
    } else if (lease.id() === id) {
      void replace("requests-service has expired it");
      await register();
    }
  }

  async function compare(listed: Seen["listed"], ranBefore: Set<string>): Promise<void> {
    const claimUnderWay = claimer.underWay()?.claim_id ?? null;
    const here = { ranBefore, running: runs.running(), held: runs.held() };
    const found = reconcile(doubts, { listed, ...here, claimUnderWay });
    doubts = found.doubts;
    for (const key of found.cancel) runs.abort(key, "cancelled");
    for (const key of found.taken) runs.abort(key, "fenced");
    counters.add("runs_taken", found.taken.length);
    if (found.release.length === 0) return;
    counters.add("runs_handed_back", found.release.length);
    log.info("runs of a claim that got no response are released", { runs: found.release.length });
    await inTime(requests.handBack({ runs: found.release }), responseMs);
  }

  /** One at a time. If there is no response, the sweepers do it, a lease later. */
  async function endLeftover(): Promise<void> {
    const id = leftovers.find((one) => claimer.underWay()?.worker_id !== one);
    if (id === undefined) return;
    leftovers = leftovers.filter((one) => one !== id);
    try {
      await inTime(requests.endWorker({ worker_id: id }), responseMs);
    } catch (error) {
      log.warn("could not end an expired worker; the sweepers will", errorFields(error));
    }
  }

  return {
    /** Registers, or sends a heartbeat and does what the response asks for. Rejects if there is none in time. */
    async beat(): Promise<void> {
      expire();
      await (lease.isRegistered() ? beat() : register());
      if (!isAnnounced && lease.isRegistered()) await announce(lease.workerId());
      await endLeftover();
    },
    /** The processors have changed: announces them now, or with one of the next heartbeats. */
    async announceAgain(): Promise<void> {
      isAnnounced = false;
      if (!lease.isRegistered()) return;
      const id = lease.workerId();
      await announce(id).catch((error) => {
        log.warn("could not announce the processors; the next heartbeat will", errorFields(error));
      });
    },
    /** Replaces the worker if its lease has expired. */
    expire,
    /** A clean end: requeues all that the worker still holds. Rejects if there was no response. */
    async end(): Promise<void> {
      lease.end();
      const ids = lease.isRegistered() ? [lease.workerId(), ...leftovers] : leftovers;
      await Promise.all(ids.map((worker_id) => requests.endWorker({ worker_id })));
    },
  };
}

export type Heartbeat = ReturnType<typeof createHeartbeat>;

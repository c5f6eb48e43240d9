import type { Worker } from "../ports.ts";

/**
 * Finds expired leases: those of workers whose heartbeat count did not move in `sweepsMax` consecutive successful sweeps
 * of this very process. No clocks are compared, so a pause of this process or of the database expires nothing:
 * heartbeats that could not be written while sweeps failed are not held against a worker.
 */
export type LeaseExpiry = {
  /** Takes all workers as one successful sweep read them; returns those whose lease has expired. */
  observe(workers: Worker[]): Worker[];
  /** After a failed sweep: counting begins again. */
  reset(): void;
};

export function createLeaseExpiry(sweepsMax: number): LeaseExpiry {
  let seen = new Map<string, { beats: number; unmoved: number }>();
  return {
    observe(workers) {
      const next: typeof seen = new Map();
      const expired: Worker[] = [];
      for (const worker of workers) {
        if (worker.given_up) continue;
        const last = seen.get(worker.id);
        const unmoved = last?.beats === worker.beats ? last.unmoved + 1 : 0;
        next.set(worker.id, { beats: worker.beats, unmoved });
        if (unmoved >= sweepsMax) expired.push(worker);
      }
      seen = next;
      return expired;
    },
    reset: () => seen.clear(),
  };
}

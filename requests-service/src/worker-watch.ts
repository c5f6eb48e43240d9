import type { Worker } from "./ports.ts";

/**
 * Who is silent? A worker whose count of heartbeats did not move in `sweepsMax` consecutive successful
 * sweeps of this very watcher. No clock is compared, so a pause of this process, or of the database, makes
 * nobody silent: heartbeats that could not be written while the sweeps failed count for nothing.
 */
export type WorkerWatch = {
  /** Takes what one successful sweep saw of all workers; answers those that are silent. */
  observe(workers: Worker[]): Worker[];
  /** After a sweep that failed: counting begins again. */
  reset(): void;
};

export function createWorkerWatch(sweepsMax: number): WorkerWatch {
  let seen = new Map<string, { beats: number; unmoved: number }>();
  return {
    observe(workers) {
      const next: typeof seen = new Map();
      const silent: Worker[] = [];
      for (const worker of workers) {
        if (worker.givenUp) continue;
        const last = seen.get(worker.workerId);
        const unmoved = last?.beats === worker.beats ? last.unmoved + 1 : 0;
        next.set(worker.workerId, { beats: worker.beats, unmoved });
        if (unmoved >= sweepsMax) silent.push(worker);
      }
      seen = next;
      return silent;
    },
    reset: () => seen.clear(),
  };
}

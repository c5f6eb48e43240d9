import type { Progress, RunRef } from "@sate/contracts";
import type { Page } from "../ports.ts";

/** One boot of a processor. `given_up`: its lease has expired. */
export type Worker = {
  id: string;
  beats: number;
  given_up: boolean;
  /** A display name. */
  name?: string | undefined;
  /** Its consumer group, if it has one. */
  group?: string | undefined;
  /** The names of the processors that it serves. */
  processors: string[];
  /** When it registered or its last heartbeat was counted, by the store's clock. No decision depends on it. */
  seen_at?: number | undefined;
};

export type Workers = {
  /** Stores a new worker, or replaces what is stored of a known one. `false`: its lease has expired; nothing is stored. */
  register(worker: Pick<Worker, "id" | "name" | "group" | "processors">): Promise<boolean>;
  /** Counts a heartbeat; `false` if the worker is unknown or its lease has expired. */
  beat(id: string): Promise<boolean>;
  get(ids: string[]): Promise<Worker[]>;
  list(page: Page<Pick<Worker, "id">>): Promise<Worker[]>;
  /**
   * Expires the lease for good; with `beats`, only if the count is still that. Returns whether it has expired, by this
   * call or an earlier one, or the worker is unknown.
   */
  expire(id: string, beats?: number): Promise<boolean>;
  /** Deletes workers whose lease has expired: an unknown worker counts as one of those. */
  forget(ids: string[]): Promise<void>;
  /** Stores the progress of those runs that are still running on this worker with this epoch. */
  progress(reports: ProgressReport[], workerId: string): Promise<void>;
};

export type ProgressReport = RunRef & { progress: Progress };

import type { ExecutionError, NewSchedule } from "@sate/contracts";

/**
 * A schedule as it is stored. All fields but those of `Due` and the last two never change. Instants are ms since 1970 by
 * the clock of the store.
 */
export type Schedule = Pick<NewSchedule, "id" | "cron" | "time_zone" | "missed"> &
  Pick<NewSchedule["request"], "payload_json"> & {
    name?: string | undefined;
    owner?: string | undefined;
    processor?: string | undefined;
    labels?: Record<string, string> | undefined;
    creation_date: string;
  } & Due & {
    /** The instant of the last firing that created a request. */
    last_at?: number | undefined;
    /** Why the last firing created none; absent if it did. */
    last_error?: ScheduleError | undefined;
  };

/** The next firing, of a schedule that is paused as `paused_from`: whatever is later must be made up for or skipped. */
export type Due = { next_at?: number | undefined; paused_from?: number | undefined };

/** `at`: the scheduled instant of the firing that failed. */
export type ScheduleError = ExecutionError & { at: number };

/**
 * A turn of a schedule that was due at `from`. `last_at`: it fired, for this instant. `last_error`: it could not. With
 * neither, it passed over what was missed.
 */
export type Advance = {
  id: string;
  from: number;
  next_at: number | undefined;
  last_at?: number;
  last_error?: ScheduleError;
};

export type Schedules = {
  /**
   * Stores it if its id is free and there are fewer than `countMax`. Returns what is now stored under the id; `null` if
   * there are too many. Calls at the same moment may exceed `countMax` by their number.
   */
  insert(schedule: Schedule, countMax: number): Promise<Schedule | null>;
  get(id: string): Promise<Schedule | null>;
  /** Newest first by id, those below `before`, of one owner or of all: at most `limit`, without their payloads. */
  list(page: {
    owner?: string | undefined;
    before?: string | undefined;
    limit: number;
  }): Promise<Omit<Schedule, "payload_json">[]>;
  /** Those whose `next_at` is at most `until`, the earliest first. Costs one look at an index if there is none. */
  due(page: { until: number; limit: number }): Promise<Schedule[]>;
  /** Replaces `from` by `to`. Returns whether the schedule still had `from`. */
  setDue(id: string, from: Due, to: Due): Promise<boolean>;
  /**
   * Gives each the next instant and the result of its turn, if its `next_at` or `paused_from` is still `from`: one that
   * was paused during its turn stays paused. A firing clears the error. Returns how many it has changed.
   */
  advance(turns: Advance[]): Promise<number>;
  /** Deletes it if it exists. */
  remove(id: string): Promise<void>;
};

import type { JsonText, ProblemName } from "@sate/contracts";
import type { RequiredScope } from "../access/authorize.ts";

/** Why a server no longer serves every operation. Those of `system` are always served. */
export type Closure = {
  /** For clients and operators. */
  detail: string;
  /** The problem with which it refuses an operation; `null`: it serves it. */
  refuses(operation: { id: string; scope: RequiredScope }): ProblemName | null;
};

/**
 * - serving: as usual.
 * - draining: it accepts nothing new, and lets what runs end. A restart ends this.
 * - sealed: nothing changes any more, also after a restart; the rest of the data can be copied.
 * - moved: everything was copied. It does not start again.
 */
export type MoveState = {
  /** A new one for each move, so that the target of another one is recognized. */
  id: string;
  phase: "serving" | "draining" | "sealed" | "moved";
  /** Executions that still run while it drains. */
  running: number;
};

/** Records of one table, in the order of their keys, and at least one unless there are none. */
export type MovePage = {
  /** Where the next page begins; absent on the last one. */
  next?: string;
  /** The key of the last record that was looked at; absent if there was none. */
  through?: string;
  count: number;
} /** As JSON with object members sorted by name. */ & (
  | { records: JsonText[] }
  /** A hash of the records of the page. */
  | { digest: string }
);

/** The side of a move from which the data comes: standalone. */
export type MoveSource = {
  /** Begins a move, or goes on with the one that has begun. Returns the tables with the number of their records. */
  begin(): Promise<MoveState & { tables: { name: string; records: number }[] }>;
  state(): MoveState;
  /** `settled`: without records that may still change. `null`: there is no such table. Throws `RangeError` for an `after` that no page has returned. */
  page(wanted: {
    table: string;
    after?: string;
    settled: boolean;
    as: "records" | "digest";
  }): MovePage | null;
  /**
   * Starts draining, and then seals, without waiting for either. `target`: a human-readable name, which replaces that of an
   * earlier call. Returns `false` if another move has begun.
   */
  seal(move: { id: string; target: string }): Promise<boolean>;
  /** Stores that everything was copied. `false`: it is another move, or it is not sealed. */
  complete(move: { id: string }): Promise<boolean>;
};

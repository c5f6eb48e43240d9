import type { ExecutionKey, Start } from "@sate/contracts";
import type { Execution } from "../executions/execution.ts";
import type { Marked } from "../ports.ts";

type Page<Key> = { after?: Key | undefined; limit: number };

/** An execution that loses its content. `tries`: the number that its outcome had. */
export type Emptied = ExecutionKey & { tries: number };

/** The part of a request that decides whether it is old. */
export type OldRequest = { id: string; start?: Start | undefined };

/**
 * Removing what is stored. A request or an execution becomes a stub under its key, so that the key stays taken.
 * The predicates of late writes by calls in flight do not match a stub, because it is final and has no mark. Only logs
 * and refused attempts can still be stored, and are removed twice.
 */
export type Removals = {
  /** A page of the attempts by which requests are removed that have a mark, by key. */
  marked(page: Page<ExecutionKey>): Promise<Marked[]>;
  /** Replaces exactly these marks; without `next`, clears them. */
  setMark(removals: Marked[], next?: string): Promise<void>;
  /**
   * Final and without a mark → stub: its key, ids, status and number of tries stay. With `status`, that replaces its own.
   * One that is a stub already only gets the status. Does nothing to others.
   */
  empty(executions: Emptied[], status?: "removed"): Promise<void>;
  /** Deletes up to `limit` chunks of the logs of these executions. Returns how many. */
  removeLogs(executions: ExecutionKey[], limit: number): Promise<number>;
  /** Deletes the refused attempts of these requests that are not published yet. */
  removeRefusals(requestIds: string[]): Promise<void>;
  /**
   * Creates the indexes by which old requests and executions are found: only where retention is used, because they cost
   * a little at each creation. May be repeated, and is cheap then. On a large database it may take many calls.
   */
  prepare(): Promise<void>;
  /** A page of requests that are no stubs, by id, those with an id below `until`. */
  oldRequests(page: Page<string> & { until: string }): Promise<OldRequest[]>;
  /** A page of executions that are no stubs, by key, those of requests with an id below `until`. */
  oldExecutions(page: Page<ExecutionKey> & { until: string }): Promise<Execution[]>;
};

import type { ExecutionKey } from "@sate/contracts";

/**
 * Removing what is stored. Tombstones take the place of results, under the same keys: so a record that is delivered
 * again, or for the first time, brings nothing back. A request has one, too, for its dead letters.
 */
export type Removals = {
  /**
   * Replaces the results of these executions with tombstones, whether they are recorded or not: from then on, none of
   * them is ever stored. Attempt 0 is the tombstone of the whole request. `removedAt`: by the clock of the Requests DB.
   */
  removeResults(executions: ExecutionKey[], removedAt: number): Promise<void>;
  /** Those of these requests that have a tombstone. */
  removedRequests(requestIds: string[]): Promise<Set<string>>;
  removeDeadLetters(ids: string[]): Promise<void>;
  /** Deletes up to `limit` dead letters of these requests. Returns how many. */
  removeDeadLettersOf(requestIds: string[], limit: number): Promise<number>;
  /** Deletes up to `limit` of the dead letters published before this instant, the oldest first. Returns how many. */
  removeDeadLettersBefore(instant: number, limit: number): Promise<number>;
  /** The database's clock, in ms since 1970. */
  now(): Promise<number>;
};

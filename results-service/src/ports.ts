import type { ResultRecord } from "@sate/contracts";

/** A database, broker or service did not answer, or not in time. `message` is fit for any reader. */
export class Unavailable extends Error {
  override name = "Unavailable";
}

/** The Results DB, to read. Rejects with `Unavailable`; no call takes longer than its adapter's deadline. */
export type ResultsReader = {
  /** Results of a request, oldest attempt first, those after `afterAttempt`. */
  ofRequest(page: { requestId: string; afterAttempt: number; limit: number }): Promise<ResultRecord[]>;
  /** The result of an execution: one or none. */
  ofExecution(execution: { requestId: string; executionId: string }): Promise<ResultRecord[]>;
  /** Resolves when the database can be read; may be repeated. */
  open(): Promise<void>;
  ping(): Promise<void>;
  /** Safe before open, and twice. Later calls reject. */
  close(): Promise<void>;
};

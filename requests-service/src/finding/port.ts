import type { ExecutionStatus, RequestRecord } from "@sate/contracts";
import type { Execution } from "../executions/execution.ts";

/** An index: `label` is `name=value`; without a field it is that of all ids. Only one field is given. */
export type RequestIndex = { label?: string; processor?: string };
export type ExecutionIndex = RequestIndex & { statuses?: ExecutionStatus[] };

/** The newest `limit` ids from `from` on and below `below`. */
export type Slice = { from: string; below: string; limit: number };

/** What is known of a request without reading its payload. */
export type RequestEntry = Pick<RequestRecord, "id" | "processor">;

/**
 * Reads requests and executions by indexes, newest first by id. The cost depends on `limit` alone, not on how many are
 * stored: an adapter reads no more entries of the index than it returns, or that many for each status.
 */
export type Finding = {
  /** The default processor has the requests that name none, too. */
  requests(index: RequestIndex, slice: Slice): Promise<RequestEntry[]>;
  /**
   * An execution whose status changes meanwhile is returned with its earlier or its later status. Changing from one of
   * several statuses to another, it may be missed.
   */
  executions(index: ExecutionIndex, slice: Slice): Promise<Execution[]>;
};

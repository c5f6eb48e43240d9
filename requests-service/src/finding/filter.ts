import {
  type ExecutionFilter,
  idFloor,
  isOwnProcessor,
  processorNameOf,
  type RequestFilter,
} from "@sate/contracts";
import type { Execution } from "../executions/execution.ts";
import type { ExecutionIndex, RequestIndex, Slice } from "./port.ts";

/** The index that has the fewest entries of other requests: labels are the most selective. */
export function requestIndexOf({ label, processor }: RequestFilter): RequestIndex {
  if (label !== undefined) return { label };
  return processor === undefined ? {} : { processor };
}

/** The same for executions. Most end as succeeded, so a processor is more selective than that status. */
export function executionIndexOf({ statuses, ...filter }: ExecutionFilter): ExecutionIndex {
  const { label, processor } = filter;
  if (statuses === undefined || label !== undefined) return requestIndexOf(filter);
  if (processor !== undefined && statuses.includes("succeeded")) return { processor };
  return { statuses: [...new Set(statuses)] };
}

/** Whether an entry of the index of this filter matches the rest of it. What was removed matches nothing. */
export function isMatch(
  { processor, statuses }: ExecutionFilter,
  entry: { processor?: string | undefined; status?: Execution["status"]; removed_at?: number | undefined },
): boolean {
  if (entry.removed_at !== undefined) return false;
  const name = processorNameOf(entry);
  if (processor === undefined ? isOwnProcessor(name) : processor !== name) return false;
  const { status } = entry;
  return statuses === undefined || status === undefined || statuses.some((one) => one === status);
}

/** The ids of the filter's time, below `before`. */
export function rangeOf(
  { since = 0, until }: RequestFilter,
  before = afterAllIds,
): Pick<Slice, "from" | "below"> {
  const end = until === undefined ? afterAllIds : idFloor(until);
  return { from: idFloor(since), below: [before, end].toSorted()[0] as string };
}

/** Sorts above every id. */
const afterAllIds = "~";

import { defaultProcessor, type ExecutionKey, formatTimestamp } from "@sate/contracts";
import { type Execution, removalMarks } from "../executions/execution.ts";
import type { Ports } from "../ports.ts";

/**
 * Stores the attempts by which requests are removed. Returns for each whether it was stored: if not, the attempt was
 * taken by another removal or by an execution.
 */
export type AdmitRemovals = (attempts: ExecutionKey[]) => Promise<boolean[]>;

export function createAdmitRemovals({ store, clock, newId }: Ports): AdmitRemovals {
  return (attempts) => {
    const creation_date = formatTimestamp(clock());
    const removed_at = store.now();
    const wanted = attempts.map(({ request_id, attempt }): Execution => {
      return {
        ...{ id: newId(), request_id, attempt, force_error: false, creation_date },
        ...{ processor: defaultProcessor, status: "removed", epoch: 0, lost: 0, tries: 0 },
        cancel_requested: false,
        ...{ mark: removalMarks.begun, removed_at },
      };
    });
    return store.executions.insert(wanted);
  };
}

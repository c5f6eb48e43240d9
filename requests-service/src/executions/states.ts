import { executionKey, type RequestsApi } from "@sate/contracts";
import type { Ports } from "../ports.ts";
import { executionRecordOf } from "./execution.ts";

/** Reads executions by their keys, without their requests. */
export function executionStatesCommand({ store }: Pick<Ports, "store">): RequestsApi["executionStates"] {
  return async ({ refs }) => {
    const found = await store.executions.get(refs);
    const byKey = new Map(found.map((one) => [executionKey(one.request_id, one.attempt), one]));
    const states = refs.map(({ request_id, attempt, execution_id }) => {
      const execution = byKey.get(executionKey(request_id, attempt));
      const isThere = execution?.id === execution_id && execution.status !== "removed";
      return isThere ? executionRecordOf(execution) : null;
    });
    return { states };
  };
}

import { cancelled, outcomeMark, type RequestsApi, Unavailable } from "@sate/contracts";
import type { Outbox } from "../outbox/outbox.ts";
import type { Ports } from "../ports.ts";
import { outcomeWithoutRun } from "../runs/outcome-without-run.ts";
import { isRemoved } from "./admission.ts";
import type { Admissions } from "./create.ts";
import { executionRecordOf } from "./execution.ts";
import { executionStatesCommand } from "./states.ts";

/** A round is lost if the execution was claimed or requeued meanwhile. This many in a row do not happen. */
const roundsMax = 20;

/** Creating, reading and cancelling executions. */
export function executionCommands(
  { store, clock, newId }: Ports,
  outbox: Outbox,
  { createExecutions }: Pick<Admissions, "createExecutions">,
) {
  async function find({ request_id, execution_id }: { request_id: string; execution_id: string }) {
    const request = (await store.requests.get([request_id])).get(request_id);
    if (!request) return { kind: "unknown_request" } as const;
    const executions = (await store.executions.ofRequests([request_id])).get(request_id) ?? [];
    if (isRemoved(executions)) return { kind: "removed" } as const;
    const execution = executions.find(({ id }) => id === execution_id);
    return execution
      ? ({ kind: "found", execution, request } as const)
      : ({ kind: "unknown_execution" } as const);
  }

  return {
    createExecutions,
    executionStates: executionStatesCommand({ store }),

    async getExecution(ids) {
      const found = await find(ids);
      if (found.kind !== "found") return found;
      return { ...found, execution: executionRecordOf(found.execution, found.request) };
    },

    async listExecutions({ request_id, limit, after_attempt = 0 }) {
      const executions = await store.executions.list({ request_id, after_attempt, limit: limit + 1 });
      if (executions.some(({ status }) => status === "removed")) return { kind: "removed" };
      // A page of executions shows that their request is not removed. An empty one does not.
      const { get, current } = store.requests;
      const request = (await (executions.length > 0 ? get : current)([request_id])).get(request_id);
      if (!request) return { kind: "unknown_request" };
      if (request.removed_at !== undefined) return { kind: "removed" };
      const more = executions.length > limit;
      const page = executions.slice(0, limit).map((execution) => executionRecordOf(execution, request));
      return { kind: "found", executions: page, more };
    },

    async cancelExecution({ request_id, execution_id }) {
      // Between read and write it may be claimed, requeued or ended.
      for (let round = 0; round < roundsMax; round++) {
        const found = await find({ request_id, execution_id });
        if (found.kind !== "found") return found;
        const { execution: stored, request } = found;
        const execution = executionRecordOf(stored, request);
        switch (stored.status) {
          case "cancelled":
            if (stored.mark === outcomeMark) outbox.publishSoon(stored, request);
            return { kind: "cancelled", execution, request };
          case "succeeded":
          case "failed":
          case "dead_lettered":
            return { kind: "ended", execution };
          case "running":
            if (stored.cancel_requested) return { kind: "cancelling", execution, request };
            break;
          case "queued":
            break;
          case "removed":
            return { kind: "removed" };
        }
        const { attempt, tries } = stored;
        const ids = { resultId: newId(), now: clock() };
        // This outcome is for a queued execution. If it is running, the cancellation is only requested.
        const outcome = outcomeWithoutRun({ status: "queued", tries }, cancelled, ids);
        await store.executions.cancel({ request_id, attempt, execution_id, tries }, outcome);
      }
      throw new Unavailable("The execution changed too often to be cancelled.");
    },
  } satisfies Partial<RequestsApi>;
}

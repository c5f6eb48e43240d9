import { outcomeMark, type RequestsApi } from "@sate/contracts";
import { createExecutionsCommand } from "./create-executions.ts";
import { cancelledOutcome } from "./ending.ts";
import type { Outbox } from "./outbox.ts";
import { type Clock, type Store, Unavailable } from "./ports.ts";
import { executionOnWire, requestOnWire } from "./wire.ts";

type Names = "createExecutions" | "getExecution" | "listExecutions" | "cancelExecution";

/** Each round lost means that the execution was claimed or put back meanwhile: so many in a row do not happen. */
const roundsMax = 20;

/** Creating, reading and cancelling executions. */
export function executionCommands(parts: {
  store: Pick<Store, "requests" | "executions">;
  outbox: Pick<Outbox, "wake">;
  clock: Clock;
  newId: () => string;
}): Pick<RequestsApi, Names> {
  const { store, outbox, clock, newId } = parts;

  async function find(requestId: string, executionId: string) {
    const request = (await store.requests.get([requestId])).get(requestId);
    if (!request) return { kind: "unknown_request" } as const;
    const executions = (await store.executions.ofRequests([requestId])).get(requestId) ?? [];
    const execution = executions.find(({ id }) => id === executionId);
    if (!execution) return { kind: "unknown_execution" } as const;
    return { kind: "found", execution, request } as const;
  }

  return {
    createExecutions: createExecutionsCommand({ store, outbox, clock }),

    async getExecution({ request_id, execution_id }) {
      const found = await find(request_id, execution_id);
      if (found.kind !== "found") return found;
      const { execution, request } = found;
      return { kind: "found", execution: executionOnWire(execution), request: requestOnWire(request) };
    },

    async listExecutions({ request_id, limit, after_attempt = 0 }) {
      if (!(await store.requests.get([request_id])).has(request_id)) return { kind: "unknown_request" };
      const page = { requestId: request_id, afterAttempt: after_attempt, limit: limit + 1 };
      const executions = await store.executions.list(page);
      const more = executions.length > limit;
      return { kind: "found", executions: executions.slice(0, limit).map(executionOnWire), more };
    },

    async cancelExecution({ request_id, execution_id }) {
      // Between looking and writing it may be claimed or put back; each time it may also just have ended.
      for (let round = 0; round < roundsMax; round++) {
        const found = await find(request_id, execution_id);
        if (found.kind !== "found") return found;
        const { execution, request } = found;
        const wire = { execution: executionOnWire(execution), request: requestOnWire(request) };
        switch (execution.status) {
          case "cancelled":
            if (execution.mark === outcomeMark) outbox.wake(execution, request);
            return { kind: "cancelled", ...wire };
          case "succeeded":
          case "failed":
          case "dead_lettered":
            return { kind: "ended", execution: wire.execution };
          case "running":
            if (execution.cancelRequested) return { kind: "cancelling", ...wire };
            break;
          case "queued":
            break;
        }
        const outcome = cancelledOutcome({ resultId: newId(), now: clock() });
        await store.executions.cancel({ request_id, attempt: execution.attempt, execution_id }, outcome);
      }
      throw new Unavailable("The execution changed too often to be cancelled.");
    },
  };
}

import {
  executionMark,
  formatTimestamp,
  limits,
  type NewExecution,
  type RequestsApi,
  type Admission as WireAdmission,
} from "@sate/contracts";
import { type Admission, admit } from "./admission.ts";
import { cancelledOutcome } from "./ending.ts";
import type { Execution, StoredRequest } from "./execution.ts";
import type { Outbox } from "./outbox.ts";
import { type Clock, type Store, Unavailable } from "./ports.ts";
import { executionOnWire, requestOnWire } from "./wire.ts";

type Names = "createExecutions" | "getExecution" | "listExecutions" | "cancelExecution";

/** Each round somebody wins, so this many rounds of losing against others at the same request do not happen. */
const roundsMax = 20;

/** Creating, reading and cancelling executions. */
export function executionCommands(parts: {
  store: Pick<Store, "requests" | "executions">;
  outbox: Pick<Outbox, "wake">;
  clock: Clock;
  newId: () => string;
}): Pick<RequestsApi, Names> {
  const { store, outbox, clock, newId } = parts;

  /**
   * Look, decide, write; those that lose the write against another look again. The write is refused exactly
   * when what was seen is no longer so.
   */
  async function admitAll(wanted: NewExecution[]): Promise<WireAdmission[]> {
    const answers: WireAdmission[] = [];
    const requests = await store.requests.get([...new Set(wanted.map((one) => one.request_id))]);
    let open = [...wanted.keys()];
    for (let round = 0; round < roundsMax && open.length > 0; round++) {
      const byRequest = await store.executions.ofRequests(openRequests(open, wanted, requests));
      const candidates = new Map<string, { index: number; execution: Execution }>();
      for (const index of open) {
        const item = wanted[index] as NewExecution;
        const request = requests.get(item.request_id);
        if (!request) {
          answers[index] = { kind: "unknown_request" };
          continue;
        }
        const admission = admit(byRequest.get(item.request_id) ?? [], {
          executionId: item.id,
          maxFailures: item.max_failures,
        });
        if (admission.kind !== "create") answers[index] = onWire(admission, item, request);
        else if (!candidates.has(request.id)) {
          candidates.set(request.id, { index, execution: created(item, admission.attempt, clock()) });
        }
      }
      const contenders = [...candidates.values()];
      const wins =
        contenders.length === 0
          ? []
          : await store.executions.insert(contenders.map(({ execution }) => execution));
      contenders.forEach(({ index, execution }, at) => {
        if (!wins[at]) return;
        const request = requests.get(execution.requestId) as StoredRequest;
        answers[index] = onWire({ kind: "exists", execution }, wanted[index] as NewExecution, request);
        outbox.wake(execution, request);
      });
      open = open.filter((index) => answers[index] === undefined);
    }
    if (open.length > 0) throw new Unavailable("Too many callers want the same executions at once.");
    return answers;
  }

  async function find(requestId: string, executionId: string) {
    const request = (await store.requests.get([requestId])).get(requestId);
    if (!request) return { kind: "unknown_request" } as const;
    const executions = (await store.executions.ofRequests([requestId])).get(requestId) ?? [];
    const execution = executions.find(({ id }) => id === executionId);
    if (!execution) return { kind: "unknown_execution" } as const;
    return { kind: "found", execution, request } as const;
  }

  return {
    createExecutions: async ({ executions }) => ({ answers: await admitAll(executions) }),

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
            outbox.wake(execution, request);
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

function openRequests(
  open: number[],
  wanted: NewExecution[],
  requests: Map<string, StoredRequest>,
): string[] {
  const ids = open.map((index) => (wanted[index] as NewExecution).request_id);
  return [...new Set(ids)].filter((id) => requests.has(id));
}

function created(item: NewExecution, attempt: number, now: number): Execution {
  return {
    requestId: item.request_id,
    attempt,
    id: item.id,
    forceError: item.force_error,
    creationDate: formatTimestamp(now),
    traceparent: item.traceparent,
    status: "queued",
    epoch: 0,
    lost: 0,
    cancelRequested: false,
    mark: executionMark(0),
  };
}

function onWire(
  admission: Exclude<Admission, { kind: "create" }>,
  item: NewExecution,
  request: StoredRequest,
): WireAdmission {
  switch (admission.kind) {
    case "exists":
      return {
        kind: "created",
        execution: executionOnWire(admission.execution),
        request: requestOnWire(request),
      };
    case "active":
      return { kind: "active", execution_id: admission.executionId };
    case "succeeded":
      return { kind: "succeeded", execution_id: admission.executionId };
    case "exhausted":
      return {
        kind: "exhausted",
        failures: admission.failures,
        max_failures: Math.min(item.max_failures, limits.attemptMax),
        request: requestOnWire(request),
      };
  }
}

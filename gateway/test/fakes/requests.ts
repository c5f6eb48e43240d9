import {
  type ExecutionRecord,
  type ExecutionStatus,
  formatTimestamp,
  limits,
  type NewExecution,
  type RefusedExecution,
  type RequestRecord,
} from "@sate/contracts";
import type { Requests } from "../../src/ports.ts";

/**
 * requests-service in memory, with its real rules: ids are stored once, (request, attempt) is unique, and a
 * response comes a turn of the event loop later. `before` runs before every call and may hold or fail it.
 */
export function fakeRequests() {
  const requests = new Map<string, RequestRecord>();
  const executions = new Map<string, ExecutionRecord[]>();
  const traces = new Map<string, string | undefined>();
  const refusals = new Map<string, RefusedExecution>();
  const calls: Record<string, number> = {};
  const control: { before: (name: string, body: never) => Promise<void> | void } = { before: () => {} };

  const operation =
    <A, B>(name: string, work: (body: A) => B) =>
    async (body: A): Promise<B> => {
      calls[name] = (calls[name] ?? 0) + 1;
      await new Promise((resolve) => setImmediate(resolve));
      await control.before(name, body as never);
      return work(body);
    };

  function admit({ id, request_id, force_error, max_failures, traceparent }: NewExecution) {
    const request = requests.get(request_id);
    if (!request) return { kind: "unknown_request" as const };
    const attempts = executions.get(request_id) ?? [];
    const existing = attempts.find((one) => one.id === id);
    if (existing) return { kind: "created" as const, execution: existing, request };
    const active = attempts.find(({ status }) => status === "queued" || status === "running");
    if (active) return { kind: "active" as const, execution_id: active.id };
    const succeeded = attempts.find(({ status }) => status === "succeeded");
    if (succeeded) return { kind: "succeeded" as const, execution_id: succeeded.id };
    const isFailure = ({ status }: ExecutionRecord) => status === "failed" || status === "dead_lettered";
    const failures = attempts.filter(isFailure).length;
    if (failures >= max_failures || attempts.length >= limits.attemptMax)
      return { kind: "exhausted" as const, failures, max_failures };
    const execution: ExecutionRecord = {
      id,
      request_id,
      attempt: attempts.length + 1,
      force_error,
      creation_date: formatTimestamp(Date.now()),
      status: "queued",
      epoch: 0,
      lost: 0,
    };
    traces.set(id, traceparent);
    executions.set(request_id, [...attempts, execution]);
    return { kind: "created" as const, execution, request };
  }

  function find({ request_id, execution_id }: { request_id: string; execution_id: string }) {
    const request = requests.get(request_id);
    if (!request) return { kind: "unknown_request" as const };
    const execution = executions.get(request_id)?.find(({ id }) => id === execution_id);
    if (!execution) return { kind: "unknown_execution" as const };
    return { kind: "found" as const, execution, request };
  }

  const api: Requests = {
    createRequests: operation("createRequests", ({ requests: wanted }) => ({
      answers: wanted.map((one) => {
        const stored = requests.get(one.id) ?? { ...one, creation_date: formatTimestamp(Date.now()) };
        requests.set(one.id, stored);
        const isSame = stored.payload_json === one.payload_json && stored.processor === one.processor;
        return { kind: isSame ? ("created" as const) : ("conflict" as const) };
      }),
    })),
    getRequest: operation("getRequest", ({ request_id }) => {
      const request = requests.get(request_id);
      return request ? { kind: "found" as const, request } : { kind: "unknown_request" as const };
    }),
    listRequests: operation("listRequests", ({ limit, before }) => {
      const newest = [...requests.values()].sort((a, b) => (a.id < b.id ? 1 : -1));
      const rest = newest.filter(({ id }) => before === undefined || id < before);
      return { requests: rest.slice(0, limit), more: rest.length > limit };
    }),
    createExecutions: operation("createExecutions", ({ executions: wanted }) => ({
      answers: wanted.map(admit),
    })),
    recordRefusals: operation("recordRefusals", ({ refusals: wanted }) => ({
      answers: wanted.map((refusal) => {
        if (!refusals.has(refusal.id)) refusals.set(refusal.id, refusal);
        return { kind: "recorded" as const };
      }),
    })),
    getExecution: operation("getExecution", find),
    listExecutions: operation("listExecutions", ({ request_id, limit, after_attempt = 0 }) => {
      if (!requests.has(request_id)) return { kind: "unknown_request" as const };
      const rest = (executions.get(request_id) ?? []).filter(({ attempt }) => attempt > after_attempt);
      return { kind: "found" as const, executions: rest.slice(0, limit), more: rest.length > limit };
    }),
    cancelExecution: operation("cancelExecution", (ref) => {
      const found = find(ref);
      if (found.kind !== "found") return found;
      const { execution, request } = found;
      if (execution.status === "queued") execution.status = "cancelled";
      if (execution.status === "cancelled") return { kind: "cancelled" as const, execution, request };
      if (execution.status === "running") return { kind: "cancelling" as const, execution, request };
      return { kind: "ended" as const, execution };
    }),
  };

  return {
    api,
    calls,
    control,
    traces,
    requests,
    /** Refused attempts that were recorded, oldest first. */
    refusals: () => [...refusals.values()],
    countExecutions: () => [...executions.values()].flat().length,
    /** Gives the last execution of a request another status. */
    become(requestId: string, status: ExecutionStatus, more: Partial<ExecutionRecord> = {}) {
      const last = executions.get(requestId)?.at(-1);
      if (!last) throw new Error("the request has no execution");
      Object.assign(last, { status, ...more });
    },
  };
}

export type FakeRequests = ReturnType<typeof fakeRequests>;

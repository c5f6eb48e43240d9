import {
  defaultProcessor,
  type ExecutionRecord,
  type ExecutionRef,
  type ExecutionStatus,
  formatTimestamp,
  type IdempotencyKey,
  limits,
  type NewExecution,
  type NewRequest,
  processorNameOf,
  type RefusedExecution,
  type Replay,
  type RequestRecord,
  type RequestsApi,
} from "@sate/contracts";
import type { Requests } from "../../src/ports.ts";
import { fakeFinding } from "./finding.ts";
import { fakeProcessors } from "./processors.ts";
import { fakeRuns, type StoredExecution } from "./runs.ts";
import { fakeSchedules } from "./schedules.ts";
import { fakeWebhooks } from "./webhooks.ts";

/** The conformance suites of requests-service also make calls that only processor services make. */
type Api = Requests & Pick<RequestsApi, "claim" | "markPublished">;

/**
 * requests-service in memory, with its real rules: ids are stored once, (request, attempt) is unique, runs are fenced
 * by their epoch, and a response comes a turn of the event loop later. `before` runs before every call and may hold or
 * fail it.
 */
export function fakeRequests() {
  const requests = new Map<string, RequestRecord>();
  const executions = new Map<string, StoredExecution[]>();
  const keys = new Map<string, IdempotencyKey & { request_id: string; execution_id: string | undefined }>();
  const traces = new Map<string, string | undefined>();
  const refusals = new Map<string, RefusedExecution>();
  const calls: Record<string, number> = {};
  const control: { before: (name: string, body: never) => Promise<void> | void } = { before: () => {} };
  const processors = fakeProcessors();
  const schedules = fakeSchedules();
  const runs = fakeRuns({ requests, executions, processors });

  const operation =
    <A, B>(name: string, work: (body: A) => B) =>
    async (body: A): Promise<B> => {
      calls[name] = (calls[name] ?? 0) + 1;
      await new Promise((resolve) => setImmediate(resolve));
      await control.before(name, body as never);
      return work(body);
    };

  function create({ key, start, is_refused, ...one }: NewRequest) {
    const known = key && keys.get(key.hash);
    const processor = processors.find(processorNameOf(one));
    if (!known && !requests.has(one.id)) {
      if (is_refused) return { kind: "refused" };
      if (start && !processor) return { kind: "unknown_processor", known: processors.names() };
    }
    if (known && known.body_hash !== key?.body_hash) return { kind: "key_reused" };
    const { request_id, execution_id } = known ?? { request_id: one.id, execution_id: start?.execution_id };
    if (key && !known) keys.set(key.hash, { ...key, request_id, execution_id });
    const creation_date = formatTimestamp(Date.now());
    const stored = requests.get(request_id) ?? { ...one, id: request_id, creation_date };
    requests.set(request_id, stored);
    if (stored.removed_at !== undefined) return { kind: "removed" };
    const isSame = stored.payload_json === one.payload_json && stored.processor === one.processor;
    if (!isSame) return { kind: "conflict" };
    const created = { kind: "created", request_id, is_replay: request_id !== one.id };
    if (!start || execution_id === undefined) return created;
    const { execution_id: _, force_error = false, ...rest } = start;
    const { request: __, ...admission } = admit({ ...rest, force_error, id: execution_id, request_id }) as {
      request?: RequestRecord;
    };
    return { ...created, admission };
  }

  function admit(wanted: NewExecution) {
    const { id, request_id, force_error, max_failures, traceparent, timeout_seconds, start_after } = wanted;
    const { key } = wanted;
    const request = requests.get(request_id);
    if (!request) return { kind: "unknown_request" as const };
    if (request.removed_at !== undefined) return { kind: "removed" as const };
    const attempts = executions.get(request_id) ?? [];
    const existing = attempts.find((one) => one.id === id);
    if (existing) return { kind: "created" as const, execution: existing, request, is_replay: false };
    const keyed = key && attempts.find((one) => one.key?.hash === key.hash);
    if (keyed && keyed.key?.body_hash !== key.body_hash) return { kind: "key_reused" as const };
    if (keyed) return { kind: "created" as const, execution: keyed, request, is_replay: true };
    const active = attempts.find(({ status }) => status === "queued" || status === "running");
    if (active) return { kind: "active" as const, execution_id: active.id };
    const succeeded = attempts.find(({ status }) => status === "succeeded");
    if (succeeded) return { kind: "succeeded" as const, execution_id: succeeded.id };
    const isFailure = ({ status }: ExecutionRecord) => status === "failed" || status === "dead_lettered";
    const failures = attempts.filter(isFailure).length;
    if (failures >= max_failures || attempts.length >= limits.attemptMax)
      return { kind: "exhausted" as const, failures, max_failures };
    const processor = processors.find(processorNameOf(request));
    if (!processor) return { kind: "unknown_processor" as const, known: processors.names() };
    const { timeout_seconds: max_seconds } = processor;
    if (timeout_seconds !== undefined && timeout_seconds > max_seconds)
      return { kind: "timeout_too_long" as const, max_seconds };
    const now = Date.now();
    if (start_after !== undefined && start_after > now + limits.startAheadSecondsMax * 1_000)
      return { kind: "start_too_far" as const };
    const { expires_in_seconds } = wanted;
    if ((start_after ?? 0) >= now + (expires_in_seconds ?? Number.POSITIVE_INFINITY) * 1_000)
      return { kind: "expires_before_start" as const };
    const execution: StoredExecution = {
      id,
      request_id,
      attempt: attempts.length + 1,
      force_error,
      creation_date: formatTimestamp(now),
      status: "queued",
      epoch: 0,
      lost: 0,
      processor: processor.name,
      tries: 0,
      ...(request.labels && { labels: request.labels }),
      ...(key && { key }),
      ...(start_after !== undefined && { start_after }),
      ...(expires_in_seconds !== undefined && { expires_at: now + expires_in_seconds * 1_000 }),
    };
    traces.set(id, traceparent);
    executions.set(request_id, [...attempts, execution]);
    return { kind: "created" as const, execution, request, is_replay: false };
  }

  function find({ request_id, execution_id }: { request_id: string; execution_id: string }) {
    const request = requests.get(request_id);
    if (!request) return { kind: "unknown_request" as const };
    if (request.removed_at !== undefined) return { kind: "removed" as const };
    const execution = executions.get(request_id)?.find(({ id }) => id === execution_id);
    if (!execution) return { kind: "unknown_execution" as const };
    return { kind: "found" as const, execution, request };
  }

  /** What becomes of dead letters that the caller names without their request: the id of the request, or the result. */
  const deadLetters = new Map<string, string | Replay>();

  function replay(
    { id, request_id, execution_id }: { id: string; request_id?: string; execution_id: string },
    dryRun: boolean,
  ): Replay {
    const target = request_id ?? deadLetters.get(id) ?? { kind: "unknown_dead_letter" as const };
    if (typeof target !== "string") return target;
    const before = executions.get(target);
    const admission = admit({
      ...{ id: execution_id, request_id: target, force_error: false, max_failures: limits.attemptMax },
      key: { hash: id, body_hash: "" },
    });
    if (admission.kind !== "created") return { kind: "refused", request_id: target, refusal: admission };
    const { execution, is_replay } = admission;
    if (is_replay) return { kind: "replayed", execution };
    if (!dryRun) return { kind: "started", execution };
    executions.set(target, before ?? []);
    return { kind: "possible" };
  }

  const work: { [name in keyof Api]: (body: Parameters<Api[name]>[0]) => unknown } = {
    createRequests: ({ requests: wanted }) => ({ answers: wanted.map(create) }),
    getRequest: ({ request_id }) => {
      const request = requests.get(request_id);
      if (!request) return { kind: "unknown_request" };
      return request.removed_at === undefined ? { kind: "found", request } : { kind: "removed" };
    },
    removeRequest: ({ request_id }) => {
      const request = requests.get(request_id);
      if (!request) return { kind: "unknown_request" };
      const isActive = ({ status }: ExecutionRecord) => status === "queued" || status === "running";
      const active = executions.get(request_id)?.find(isActive);
      if (active) return { kind: "active", execution_id: active.id };
      const { id, creation_date } = request;
      requests.set(request_id, { id, creation_date, payload_json: "", removed_at: Date.now() });
      return { kind: "removed" };
    },
    ...fakeFinding({ requests, executions }),
    createExecutions: ({ executions: wanted }) => ({ answers: wanted.map(admit) }),
    recordRefusals: ({ refusals: wanted }) => ({
      answers: wanted.map((refusal) => {
        if (requests.get(refusal.request_id)?.removed_at !== undefined) return { kind: "removed" };
        if (!refusals.has(refusal.id)) refusals.set(refusal.id, refusal);
        return { kind: "recorded" };
      }),
    }),
    replayDeadLetters: ({ dead_letters, dry_run }) => ({
      answers: dead_letters.map((one) => replay(one, dry_run)),
    }),
    getExecution: (ref) => {
      const found = find(ref);
      return found.kind === "found" ? { ...found, execution: recordOf(found.execution) } : found;
    },
    listExecutions: ({ request_id, limit, after_attempt = 0 }) => {
      const request = requests.get(request_id);
      if (!request) return { kind: "unknown_request" };
      if (request.removed_at !== undefined) return { kind: "removed" };
      const rest = (executions.get(request_id) ?? []).filter(({ attempt }) => attempt > after_attempt);
      return { kind: "found", executions: rest.slice(0, limit), more: rest.length > limit };
    },
    cancelExecution: (ref) => {
      const found = find(ref);
      if (found.kind !== "found") return found;
      const { execution, request } = found;
      if (execution.status === "queued") execution.status = "cancelled";
      if (execution.status === "cancelled") return { kind: "cancelled", execution, request };
      if (execution.status !== "running") return { kind: "ended", execution };
      execution.cancel_requested = true;
      return { kind: "cancelling", execution, request };
    },
    ...processors.work,
    ...runs.work,
    ...fakeWebhooks(),
    ...schedules.work,
    executionStates: ({ refs }) => ({
      states: refs.map((ref) => {
        const found = find(ref);
        return found.kind === "found" && found.execution.attempt === ref.attempt
          ? recordOf(found.execution)
          : null;
      }),
    }),
    followLogs: ({ executions: followed }) => ({
      logs: followed.map((one) => {
        const { chunks, more } = runs.readLog(one);
        return { chunks, more };
      }),
    }),
    readLog: (body) => {
      const found = find(body);
      return found.kind === "found" ? runs.readLog(body) : { kind: found.kind };
    },
  };
  const api = Object.fromEntries(
    Object.entries(work).map(([name, one]) => [name, operation(name, one as never)]),
  ) as Api;

  /** As it is now: what is returned does not change afterwards. */
  function recordOf({ worker_id, claim_id, cancel_requested, outcome, ...record }: StoredExecution) {
    return structuredClone(record) as ExecutionRecord;
  }

  function last(requestId: string): StoredExecution {
    const found = executions.get(requestId)?.at(-1);
    if (!found) throw new Error("the request has no execution");
    return found;
  }

  return {
    api,
    calls,
    control,
    traces,
    requests,
    deadLetters,
    processors,
    runs,
    schedules,
    /** Refused attempts that were recorded, oldest first. */
    refusals: () => [...refusals.values()],
    countExecutions: () => [...executions.values()].flat().length,
    /** Stores a queued execution of a processor, known or not. */
    async queue(processor = defaultProcessor): Promise<ExecutionRef> {
      const request_id = Bun.randomUUIDv7();
      await api.createRequests({ requests: [{ id: request_id, payload_json: "1" }] });
      const id = Bun.randomUUIDv7();
      const wanted = { id, request_id, force_error: false, max_failures: 1 };
      await api.createExecutions({ executions: [wanted] });
      Object.assign(last(request_id), { processor });
      return { request_id, attempt: 1, execution_id: id };
    },
    /** Expires the lease of a worker, and requeues its runs. */
    expire: runs.expire,
    /** The last execution of a request. */
    last,
    /** Gives the last execution of a request another status. */
    become(requestId: string, status: ExecutionStatus, more: Partial<ExecutionRecord> = {}) {
      Object.assign(last(requestId), { status, ...more });
    },
  };
}

export type FakeRequests = ReturnType<typeof fakeRequests>;

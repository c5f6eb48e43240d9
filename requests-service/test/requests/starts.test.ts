import { describe, expect, test } from "bun:test";
import { executionMark, limits, type NewRequest, Unavailable } from "@sate/contracts";
import { until } from "@sate/contracts/test/until.ts";
import { removeOldKeys } from "../../src/keys/retention.ts";
import { madeRequest, newId } from "../builders.ts";
import { beforeNext, type Core, createCore, testCore, wanted } from "../core.ts";

const started = (parts: Partial<NewRequest> = {}) => {
  const start = { execution_id: newId(), max_failures: 3 };
  return { id: newId(), payload_json: "1", ...parts, start };
};
const key = () => ({ hash: newId().replaceAll("-", "").repeat(2), body_hash: "b".repeat(64) });

const create = async ({ commands }: Core, ...requests: NewRequest[]) =>
  (await commands.createRequests({ requests })).answers;
const marked = ({ store }: Core) => store.requests.starting({ limit: 100 });
const executionsOf = async ({ store }: Core, id: string) =>
  (await store.executions.ofRequests([id])).get(id) ?? [];

describe("a request with a start mark", () => {
  test("is one write; its execution is published, and the marks are cleared later, in one write", async () => {
    const it = testCore();
    const requests = [started(), started(), started()];
    let clears = 0;
    const { clearStarts } = it.store.requests;
    it.store.requests.clearStarts = (some) => {
      clears++;
      return clearStarts(some);
    };
    for (const request of requests) await create(it, request);
    expect(await marked(it)).toHaveLength(3);
    await until("no mark", async () => (await marked(it)).length === 0);
    expect(clears).toBe(1);
    await it.outbox.flush();
    expect(it.publisher.records.map((record) => record.key)).toEqual(requests.map(({ id }) => id));
  });

  test("of which a crash left only the request is executed by the second sweep that sees it, once", async () => {
    const it = testCore();
    const requests = [started({ processor: "gone", labels: { a: "b" } }), started()].map((one) =>
      madeRequest(one),
    );
    await it.store.requests.insert(requests);
    await it.starts.sweep();
    for (const { id } of requests) expect(await executionsOf(it, id)).toEqual([]);
    // Two processes sweep.
    await Promise.all([it.starts.sweep(), it.starts.sweep()]);
    // What the policy says now does not matter: they were accepted.
    for (const { id, start, labels } of requests) {
      const { execution_id } = start ?? {};
      const execution = { id: execution_id, attempt: 1, status: "queued", mark: executionMark(0) };
      const found = await executionsOf(it, id);
      expect(found).toMatchObject([labels ? { ...execution, labels } : execution]);
    }
    expect(await marked(it)).toEqual([]);
  });

  test("of which a crash left the execution, too, only loses its mark", async () => {
    const it = testCore();
    const request = started();
    beforeNext(it.store.requests, "clearStarts", () => Promise.reject(new Unavailable("away")));
    await create(it, request);
    await it.starts.flush();
    expect(await marked(it)).toHaveLength(1);
    await it.starts.sweep();
    await it.starts.sweep();
    expect(await marked(it)).toEqual([]);
    expect(await executionsOf(it, request.id)).toHaveLength(1);
  });

  test("is executed before anything else that is wanted of it", async () => {
    const it = testCore();
    const request = madeRequest(started());
    await it.store.requests.insert([request]);
    const { answers } = await it.commands.createExecutions({ executions: [wanted(request.id)] });
    const { execution_id = "" } = request.start ?? {};
    expect(answers).toEqual([{ kind: "active", execution_id }]);
    expect(await executionsOf(it, request.id)).toMatchObject([{ id: execution_id, attempt: 1 }]);
  });

  test("that cannot be executed yet is not reported as undone, and a repetition executes it", async () => {
    const it = testCore();
    const request = started();
    const full = new Unavailable("The disk is full.", { reason: "not_done" });
    beforeNext(it.store.executions, "insert", () => Promise.reject(full));
    const error = await create(it, request).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: "Unavailable", reason: "no_response" });
    expect(await create(it, request)).toMatchObject([{ kind: "created", admission: { kind: "created" } }]);
  });

  test("that repeats one is not refused because its processor has been withdrawn since", async () => {
    const it = testCore();
    it.processors.announce("p", 60);
    const request = started({ processor: "p" });
    await create(it, request);
    it.processors.find = async () => undefined;
    expect(await create(it, request, started({ processor: "p" }))).toMatchObject([
      { kind: "created", admission: { kind: "created" } },
      { kind: "unknown_processor" },
    ]);
  });
});

describe("an idempotency key", () => {
  test("is stored before its request, so a repetition after a crash in between creates what the first call wanted", async () => {
    const it = testCore();
    const shared = key();
    const first = started({ key: shared });
    beforeNext(it.store.requests, "insert", () => Promise.reject(new Unavailable("away")));
    await expect(create(it, first)).rejects.toThrow();
    const admission = { execution: { id: first.start.execution_id } };
    expect(await create(it, started({ key: shared }))).toMatchObject([
      { request_id: first.id, is_replay: true, admission },
    ]);
  });

  test("used by 50 callers of two processes at once creates one request and one execution", async () => {
    const it = testCore();
    const other = createCore({ store: it.store });
    const shared = key();
    const calls = Array.from({ length: 50 }, (_, index) =>
      create(index % 2 ? it : other, started({ key: shared })),
    );
    const answers = (await Promise.all(calls)).flat();
    const ids = answers.map((answer) => {
      if (answer.kind !== "created" || answer.admission?.kind !== "created") return answer.kind;
      return `${answer.request_id} ${answer.admission.execution.id}`;
    });
    expect(new Set(ids).size).toBe(1);
    const found = await it.store.finding.requests({}, { from: "", below: "~", limit: 10 });
    expect(found).toHaveLength(1);
    for (const { id } of found) expect(await executionsOf(it, id)).toHaveLength(1);
    await other.starts.flush();
    await other.outbox.flush();
  });

  test("is kept for 7 days, and then may be used again", async () => {
    const it = testCore();
    const shared = key();
    const keptMs = limits.idempotencySecondsKept * 1_000;
    const { signal } = new AbortController();
    const first = started({ key: shared });
    await create(it, first);
    it.time.now += keptMs;
    await removeOldKeys(it.ports, signal);
    expect(await create(it, started({ key: shared }))).toMatchObject([{ request_id: first.id }]);
    it.time.now += 1;
    await removeOldKeys(it.ports, signal);
    const later = started({ key: shared });
    expect(await create(it, later)).toMatchObject([{ request_id: later.id, is_replay: false }]);
    expect(it.counters.read().idempotency_keys_removed).toBe(1);
  });

  test("of a request that was removed brings nothing back", async () => {
    const it = testCore();
    const request = madeRequest({ payload_json: "" });
    const shared = key();
    await it.store.keys.insert([{ ...shared, request_id: request.id }]);
    it.store.requests.insert = async () => [{ ...request, removed_at: 1 }];
    expect(await create(it, started({ key: shared }))).toEqual([{ kind: "removed" }]);
  });
});

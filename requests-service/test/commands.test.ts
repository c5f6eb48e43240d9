import { afterEach, describe, expect, test } from "bun:test";
import { type ExecutionRecord, limits, type Run, requestsApi } from "@sate/contracts";
import { unconfirmedMark } from "../src/execution.ts";
import { commandRoutes } from "../src/runtime/command-routes.ts";
import { createInternalApp } from "../src/runtime/internal-app.ts";
import { type Core, createCore, wanted } from "./core.ts";
import { clientOf, serviceToken } from "./door.ts";
import { madeOutcome, newId } from "./made.ts";

const cores: Core[] = [];
afterEach(async () => {
  for (const { outbox, store } of cores.splice(0)) {
    await outbox.flush();
    await store.close();
  }
});

/** A service, and its API as others see it. */
function service(random?: () => number) {
  const core = createCore(random ? { random } : {});
  cores.push(core);
  const { commands, counters, log } = core;
  const routes = commandRoutes(requestsApi, commands);
  const app = createInternalApp({ serviceToken, notReadyReasons: async () => [], counters, log, routes });
  const api = clientOf(app);

  async function create(requestId: string, parts: Parameters<typeof wanted>[1] = {}) {
    const { answers } = await api.createExecutions({ executions: [wanted(requestId, parts)] });
    return answers[0] as (typeof answers)[number];
  }
  async function created(requestId: string): Promise<ExecutionRecord> {
    const answer = await create(requestId);
    if (answer.kind !== "created") throw new Error(`it was not created: ${answer.kind}`);
    return answer.execution;
  }
  /** Runs a new execution to its end. */
  async function ended(requestId: string, status: Parameters<typeof madeOutcome>[0]) {
    const run = await core.run(await core.worker(), await created(requestId));
    const { answers } = await api.finish({ runs: [{ ...run, outcome: madeOutcome(status) }] });
    expect(answers).toEqual([{ kind: "stored" }]);
    return run;
  }
  return { core, api, create, created, ended };
}
const idsOf = ({ runs }: { runs: Run[] }) => runs.map(({ execution_id }) => execution_id);

describe("requests", () => {
  test("are created once, however often it is asked; another payload under the same id is a conflict", async () => {
    const { api } = service();
    const request = { id: newId(), payload_json: '{"__proto__":1,"2":1e400,"1":"\\ud800"}' };
    const first = await api.createRequests({ requests: [request] });
    expect(first.answers[0]).toMatchObject({ kind: "created", request });
    expect(await api.createRequests({ requests: [request] })).toEqual(first);
    const other = { id: newId(), payload_json: "2", processor: "p" };
    const { answers } = await api.createRequests({
      requests: [{ ...request, payload_json: "3" }, other, { ...request, processor: "p" }],
    });
    expect(answers.map(({ kind }) => kind)).toEqual(["conflict", "created", "conflict"]);
    expect(await api.getRequest({ request_id: request.id })).toMatchObject({ kind: "found", request });
    expect(await api.getRequest({ request_id: newId() })).toEqual({ kind: "unknown_request" });
  });

  test("are listed newest first, in pages that have an end, and no more bytes than a page may have", async () => {
    const { api } = service();
    const large = `"${"x".repeat(limits.pageBytesMax / 4 - 2)}"`;
    const requests = Array.from({ length: 9 }, () => ({ id: newId(), payload_json: large }));
    await api.createRequests({ requests });
    const seen: string[] = [];
    let pages = 0;
    for (let before: string | undefined; ; ) {
      const page = await api.listRequests({ limit: 6, ...(before && { before }) });
      seen.push(...page.requests.map(({ id }) => id));
      pages++;
      if (!page.more) break;
      before = page.requests.at(-1)?.id;
    }
    expect(seen).toEqual(requests.map(({ id }) => id).toReversed());
    expect(pages).toBe(3);
  });
});

describe("creating executions", () => {
  test("50 callers at once: one is created, 49 hear which one is active", async () => {
    const { core, create } = service();
    for (let round = 0; round < 5; round++) {
      const { id } = await core.request();
      const answers = await Promise.all(Array.from({ length: 50 }, () => create(id)));
      const created = answers.flatMap((answer) => (answer.kind === "created" ? [answer.execution.id] : []));
      expect(created).toHaveLength(1);
      const active = answers.flatMap((answer) => (answer.kind === "active" ? [answer.execution_id] : []));
      expect(active).toEqual(Array(49).fill(created[0]));
    }
  });

  test("50 in one batch, other requests between them: the same, each answer in its place", async () => {
    const { core, api } = service();
    const [a, b] = [await core.request(), await core.request()];
    const executions = Array.from({ length: 50 }, () => wanted(a.id));
    executions.splice(20, 0, wanted(newId()), wanted(b.id));
    const { answers } = await api.createExecutions({ executions });
    expect(answers[0]).toMatchObject({ kind: "created", execution: { id: executions[0]?.id, attempt: 1 } });
    expect(answers[20]).toEqual({ kind: "unknown_request" });
    expect(answers[21]).toMatchObject({ kind: "created", execution: { id: executions[21]?.id }, request: b });
    expect(answers.filter(({ kind }) => kind === "active")).toHaveLength(49);
  });

  test("a repetition is answered as the first was, alone, in its batch, and when it has run meanwhile", async () => {
    const { core, api } = service();
    const { id } = await core.request();
    const execution = wanted(id);
    const first = (await api.createExecutions({ executions: [execution] })).answers[0];
    const twice = await api.createExecutions({ executions: [execution, execution] });
    expect(twice.answers).toEqual([first, first] as never);
    const run = await core.run(await core.worker());
    await api.finish({ runs: [{ ...run, outcome: madeOutcome() }] });
    const { answers } = await api.createExecutions({ executions: [execution] });
    expect(answers[0]).toMatchObject({ kind: "created", execution: { id: execution.id, attempt: 1 } });
  });

  test("a success is final", async () => {
    const { core, create, ended } = service();
    const { id } = await core.request();
    await ended(id, "failed");
    const { execution_id } = await ended(id, "succeeded");
    for (let again = 0; again < 3; again++)
      expect(await create(id)).toEqual({ kind: "succeeded", execution_id });
  });

  test("failures are bounded: dead-lettered ones count, cancelled ones do not", async () => {
    const { core, create, ended } = service();
    const { id } = await core.request();
    await ended(id, "failed");
    await ended(id, "cancelled");
    await ended(id, "dead_lettered");
    await ended(id, "cancelled");
    await ended(id, "failed");
    // Without the payload: an answer that carries it would cost whoever asks a hundred bytes, and us all of it.
    expect(await create(id)).toEqual({ kind: "exhausted", failures: 3, max_failures: 3 });
    // The bound is the caller's policy, and nothing that was stored.
    expect(await create(id, { max_failures: 4 })).toMatchObject({
      kind: "created",
      execution: { attempt: 6 },
    });
  });

  test("somebody else wins the write: the loser looks again, and hears of the winner", async () => {
    const { core, create } = service();
    const { id } = await core.request();
    const { insert } = core.store.executions;
    const winner = wanted(id);
    core.store.executions.insert = async (executions) => {
      core.store.executions.insert = insert;
      await core.commands.createExecutions({ executions: [winner] });
      return insert(executions);
    };
    expect(await create(id)).toEqual({ kind: "active", execution_id: winner.id });
  });

  test("the write happened and its answer was lost: the repetition finds it", async () => {
    const { core, api } = service();
    const { id } = await core.request();
    const { insert } = core.store.executions;
    core.store.executions.insert = async (executions) => {
      core.store.executions.insert = insert;
      await insert(executions);
      throw new Error("the connection broke");
    };
    const execution = wanted(id);
    await expect(api.createExecutions({ executions: [execution] })).rejects.toThrow();
    const { answers } = await api.createExecutions({ executions: [execution] });
    expect(answers[0]).toMatchObject({ kind: "created", execution: { id: execution.id, attempt: 1 } });
  });
});

describe("reading executions", () => {
  test("one, and pages of them", async () => {
    const { core, api, ended } = service();
    const { id: request_id } = await core.request();
    for (let attempt = 0; attempt < 5; attempt++) await ended(request_id, "cancelled");
    const page = await api.listExecutions({ request_id, limit: 3 });
    if (page.kind !== "found") throw new Error("unknown");
    expect([page.executions.map(({ attempt }) => attempt), page.more]).toEqual([[1, 2, 3], true]);
    const last = await api.listExecutions({ request_id, limit: 2, after_attempt: 3 });
    expect(last).toMatchObject({ kind: "found", executions: [{ attempt: 4 }, { attempt: 5 }], more: false });
    const [execution] = page.executions;
    expect(execution).toMatchObject({ status: "cancelled", epoch: 1, lost: 0, error: { code: "boom" } });
    const found = await api.getExecution({ request_id, execution_id: execution?.id ?? "" });
    expect(found).toMatchObject({ kind: "found", execution, request: { id: request_id } } as never);
  });

  test("unknown ones are told apart", async () => {
    const { core, api, created } = service();
    const [a, b] = [await core.request(), await core.request()];
    const { id: execution_id } = await created(a.id);
    expect(await api.listExecutions({ request_id: newId(), limit: 1 })).toEqual({ kind: "unknown_request" });
    expect(await api.getExecution({ request_id: newId(), execution_id })).toEqual({
      kind: "unknown_request",
    });
    expect(await api.getExecution({ request_id: b.id, execution_id })).toEqual({ kind: "unknown_execution" });
  });
});

describe("cancelling", () => {
  test("a queued execution ends at once, is published, and its request may be tried again", async () => {
    const { core, api, created } = service();
    const { id: request_id } = await core.request();
    const { id: execution_id } = await created(request_id);
    const answer = await api.cancelExecution({ request_id, execution_id });
    expect(answer).toMatchObject({
      kind: "cancelled",
      execution: { status: "cancelled", error: { code: "cancelled" } },
    });
    await core.outbox.flush();
    expect(await api.cancelExecution({ request_id, execution_id })).toEqual(answer);
    await core.outbox.flush();
    const outcomes = core.publisher.records.filter(({ value }) => String(value).includes("is_success"));
    expect(outcomes).toHaveLength(1);
    expect((await created(request_id)).attempt).toBe(2);
  });

  test("a running one when its worker has heard of it", async () => {
    const { core, api, created } = service();
    const worker_id = await core.worker();
    const { id: request_id } = await core.request();
    const run = await core.run(worker_id, await created(request_id));
    const { execution_id } = run;
    for (let again = 0; again < 2; again++) {
      expect(await api.cancelExecution({ request_id, execution_id })).toMatchObject({ kind: "cancelling" });
    }
    const heard = await api.heartbeat({ worker_id });
    expect(heard).toMatchObject({ kind: "alive", runs: [{ execution_id, epoch: 1, cancel: true }] });
    await api.finish({ runs: [{ ...run, outcome: madeOutcome("cancelled") }] });
    expect(await api.cancelExecution({ request_id, execution_id })).toMatchObject({ kind: "cancelled" });
  });

  test("a running one that is handed back is cancelled, not run again", async () => {
    const { core, api } = service();
    const run = await core.run(await core.worker());
    const { request_id, execution_id } = run;
    await api.cancelExecution({ request_id, execution_id });
    expect(await api.handBack({ runs: [run] })).toEqual({ handed_back: 1 });
    expect(await core.stored(run)).toMatchObject({ status: "cancelled", lost: 0 });
  });

  test("one that has ended stays as it is; unknown ones are told apart", async () => {
    const { core, api, ended } = service();
    const { id: request_id } = await core.request();
    const { execution_id } = await ended(request_id, "succeeded");
    expect(await api.cancelExecution({ request_id, execution_id })).toMatchObject({
      kind: "ended",
      execution: { status: "succeeded" },
    });
    expect(await api.cancelExecution({ request_id, execution_id: newId() })).toEqual({
      kind: "unknown_execution",
    });
    expect(await api.cancelExecution({ request_id: newId(), execution_id })).toEqual({
      kind: "unknown_request",
    });
  });

  test("one that is claimed between the look and the write is asked to stop", async () => {
    const { core, api, created } = service();
    const { id: request_id } = await core.request();
    const execution = await created(request_id);
    const { cancel } = core.store.executions;
    core.store.executions.cancel = async (...args) => {
      core.store.executions.cancel = cancel;
      await core.run(await core.worker(), execution);
      return cancel(...args);
    };
    const answer = await api.cancelExecution({ request_id, execution_id: execution.id });
    expect(answer).toMatchObject({ kind: "cancelling", execution: { status: "running" } });
  });
});

describe("runs", () => {
  test("a claim gets all that a run needs, and counts what it did not get", async () => {
    const { core, api } = service();
    const traceparent = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`;
    const request = await core.request({ payload_json: '{"2":1e400,"1":"\\ud800"}', processor: "p" });
    const execution = wanted(request.id, { force_error: true, traceparent });
    await api.createExecutions({ executions: [execution] });
    const taken = await core.run(await core.worker());
    const executions = [
      { request_id: request.id, attempt: 1, execution_id: execution.id },
      { request_id: taken.request_id, attempt: 1, execution_id: taken.execution_id },
      { request_id: newId(), attempt: 1, execution_id: newId() },
    ];
    const claim = { worker_id: await core.worker(), claim_id: newId(), executions };
    const answer = await api.claim(claim);
    expect(answer).toMatchObject({ refused: 1, unknown: 1 });
    expect(answer.runs).toEqual([
      {
        ...{ request_id: request.id, attempt: 1, execution_id: execution.id, epoch: 1 },
        ...{ force_error: true, traceparent, payload_json: request.payload_json, processor: "p" },
        creation_date: "1970-01-01 00:00:00.000000",
      },
    ]);
    expect(await api.claim(claim)).toEqual(answer);
  });

  test("a claim brings no more bytes of payloads than an answer may; the others stay queued, for the next", async () => {
    const { core, api } = service();
    const payload_json = `"${"x".repeat(limits.bodyBytesCeiling - 2)}"`;
    const fit = limits.claimBytesMax / limits.bodyBytesCeiling;
    const executions = [];
    for (let number = 0; number < fit + 3; number++) {
      const { id, request_id, attempt } = await core.execution((await core.request({ payload_json })).id);
      executions.push({ request_id, attempt, execution_id: id });
    }
    const worker_id = await core.worker();
    const claim = { worker_id, claim_id: newId(), executions };
    const answer = await api.claim(claim);
    expect([answer.runs.length, answer.refused, answer.unknown, answer.left]).toEqual([fit, 0, 0, 3]);
    // Its answer was lost: the repetition brings the same, and claims nothing besides.
    expect(await api.claim(claim)).toEqual(answer);
    const rest = await api.claimAny({ worker_id, claim_id: newId(), limit: limits.claimMax });
    expect([rest.runs.length, rest.left]).toEqual([3, 0]);
    expect(new Set([...idsOf(answer), ...idsOf(rest)]).size).toBe(fit + 3);
    expect(rest.runs.every((run) => run.epoch === 1 && run.payload_json === payload_json)).toBe(true);

    await core.putBack(await core.store.runs.running({ workerId: worker_id, limit: 100 }), false);
    const any = { worker_id, claim_id: newId(), limit: limits.claimMax };
    const first = await api.claimAny(any);
    expect([first.runs.length, first.left]).toEqual([fit, 3]);
    expect(idsOf(await api.claimAny(any))).toEqual(idsOf(first));
  });

  test("a claim of anything looks at more than it wants, and takes neighbours from anywhere in it", async () => {
    let place = 0;
    const { core, api, created } = service(() => place);
    const ids: string[] = [];
    for (let index = 0; index < 10; index++) ids.push((await created((await core.request()).id)).id);
    const any = async () => {
      const ask = { worker_id: await core.worker(), claim_id: newId(), limit: 2 };
      return idsOf(await api.claimAny(ask)).toSorted();
    };
    place = 0.999; // of the first eight
    expect(await any()).toEqual(ids.slice(6, 8));
    place = 0;
    expect(await any()).toEqual(ids.slice(0, 2));
    place = 0.5;
    for (let left = 6; left > 0; left -= 2) expect(await any()).toHaveLength(2);
    expect(await any()).toEqual([]);
  });

  test("many processors that claim anything at once: each execution has one of them", async () => {
    const { core, api, created } = service(Math.random);
    const ids: string[] = [];
    for (let index = 0; index < 40; index++) ids.push((await created((await core.request()).id)).id);
    const got: string[] = [];
    while (got.length < ids.length) {
      const asks = Array.from({ length: 5 }, () => ({ worker_id: newId(), claim_id: newId(), limit: 4 }));
      const answers = await Promise.all(asks.map((ask) => api.claimAny(ask)));
      got.push(...answers.flatMap(idsOf));
    }
    expect(got.toSorted()).toEqual(ids.toSorted());
  });

  test("a repeated claim of anything gets the same runs, and not others as well", async () => {
    const { core, api, created } = service();
    for (let index = 0; index < 6; index++) await created((await core.request()).id);
    const ask = { worker_id: await core.worker(), claim_id: newId(), limit: 2 };
    const first = await api.claimAny(ask);
    expect(await api.claimAny(ask)).toEqual(first);
    expect(await core.store.runs.queued(10)).toHaveLength(4);
  });

  test("a heartbeat says what the database holds for the worker, also what its claim never heard of", async () => {
    const { core, api } = service();
    const worker_id = await core.worker();
    const runs = [await core.run(worker_id), await core.run(worker_id)];
    const { execution_id, request_id, attempt, epoch } = runs[1] as Run;
    await api.handBack({ runs: [runs[0] as Run] });
    expect(await api.heartbeat({ worker_id })).toEqual({
      kind: "alive",
      runs: [{ execution_id, request_id, attempt, epoch, cancel: false }],
    });
    expect(await api.heartbeat({ worker_id: newId() })).toEqual({ kind: "given_up" });
  });

  test("a finish: stored, also repeated; refused of a run that is not the last; unknown", async () => {
    const { core, api } = service();
    const run = await core.run(await core.worker());
    const finished = { ...run, outcome: madeOutcome() };
    const runs = [{ ...finished, epoch: 2 }, finished, finished, { ...finished, request_id: newId() }];
    const { answers } = await api.finish({ runs });
    expect(answers.map(({ kind }) => kind)).toEqual(["refused", "stored", "stored", "unknown"]);
    expect(core.counters.read()).toMatchObject({ finishes_stored: 2, finishes_refused: 2 });
  });

  test("what is handed back waits again, under its epoch, and an old holder cannot hand back a new run", async () => {
    const { core, api } = service();
    const old = await core.run(await core.worker());
    expect(await api.handBack({ runs: [old] })).toEqual({ handed_back: 1 });
    expect(await api.handBack({ runs: [old] })).toEqual({ handed_back: 0 });
    const { execution_id: id, request_id, attempt } = old;
    const run = await core.run(await core.worker(), { id, request_id, attempt });
    expect(run.epoch).toBe(2);
    expect(await api.handBack({ runs: [old] })).toEqual({ handed_back: 0 });
    expect(await core.stored(run)).toMatchObject({ status: "running", epoch: 2, lost: 0 });
  });

  test("a processor's own publishing clears the mark, exactly that one", async () => {
    const { core, api } = service();
    const run = await core.run(await core.worker());
    await api.finish({ runs: [{ ...run, outcome: madeOutcome() }] });
    const { request_id, attempt } = run;
    await api.markPublished({ published: [{ request_id, attempt, mark: "execution:0" }] });
    expect((await core.stored(run)).mark).toBe("outcome");
    await api.markPublished({ published: [{ request_id, attempt, mark: "outcome" }] });
    expect((await core.stored(run)).mark).toBe(unconfirmedMark);
  });
});

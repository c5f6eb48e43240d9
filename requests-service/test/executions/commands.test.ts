import { describe, expect, test } from "bun:test";
import { madeOutcome, newId } from "../builders.ts";
import { wanted } from "../core.ts";
import { testService } from "../service.ts";

describe("creating executions", () => {
  test("of 50 concurrent callers one creates an execution, and 49 are told which one is active", async () => {
    const { core, create } = testService();
    for (let round = 0; round < 5; round++) {
      const { id } = await core.request();
      const answers = await Promise.all(Array.from({ length: 50 }, () => create(id)));
      const created = answers.flatMap((answer) => (answer.kind === "created" ? [answer.execution.id] : []));
      expect(created).toHaveLength(1);
      const active = answers.flatMap((answer) => (answer.kind === "active" ? [answer.execution_id] : []));
      expect(active).toEqual(Array(49).fill(created[0]));
    }
  });

  test("of 50 in one batch one creates an execution, also with other requests between them", async () => {
    const { core, api } = testService();
    const [a, b] = [await core.request(), await core.request()];
    const executions = Array.from({ length: 50 }, () => wanted(a.id));
    executions.splice(20, 0, wanted(newId()), wanted(b.id));
    const { answers } = await api.createExecutions({ executions });
    expect(answers[0]).toMatchObject({ kind: "created", execution: { id: executions[0]?.id, attempt: 1 } });
    expect(answers[20]).toEqual({ kind: "unknown_request" });
    expect(answers[21]).toMatchObject({ kind: "created", execution: { id: executions[21]?.id }, request: b });
    expect(answers.filter(({ kind }) => kind === "active")).toHaveLength(49);
  });

  test("a caller that loses the write is told the active execution", async () => {
    const { core, create } = testService();
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

  test("a repetition after a lost response finds what was written", async () => {
    const { core, api } = testService();
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
  test("an execution that did not succeed has its error, in pages too", async () => {
    const { core, api, ended } = testService();
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
});

describe("cancelling", () => {
  test("a queued execution ends at once and is published, and its request can be executed again", async () => {
    const { core, api, created } = testService();
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

  test("a running execution is cancelled once its worker reports it", async () => {
    const { core, api, created } = testService();
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

  test("an execution that is claimed between read and write is asked to stop", async () => {
    const { core, api, created } = testService();
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

import { describe, expect, test } from "bun:test";
import { beforeNext, testCore, wanted } from "../core.ts";

describe("creating executions", () => {
  test("of 50 concurrent callers one creates an execution, and 49 get the id of the active one", async () => {
    const { commands, request } = testCore();
    const { id } = await request();
    const calls = Array.from({ length: 50 }, () => commands.createExecutions({ executions: [wanted(id)] }));
    const answers = (await Promise.all(calls)).flatMap((call) => call.answers);
    const created = answers.flatMap((answer) => (answer.kind === "created" ? [answer.execution.id] : []));
    expect(created).toHaveLength(1);
    const active = answers.flatMap((answer) => (answer.kind === "active" ? [answer.execution_id] : []));
    expect(active).toEqual(Array(49).fill(created[0]));
  });

  test("a caller that loses the write gets the id of the active execution", async () => {
    const { commands, store, request } = testCore();
    const { id } = await request();
    const winner = wanted(id);
    beforeNext(store.executions, "insert", () => commands.createExecutions({ executions: [winner] }));
    const { answers } = await commands.createExecutions({ executions: [wanted(id)] });
    expect(answers).toEqual([{ kind: "active", execution_id: winner.id }]);
  });

  test("a repetition after a lost response finds what was written", async () => {
    const { commands, store, request } = testCore();
    const execution = wanted((await request()).id);
    const { insert } = store.executions;
    store.executions.insert = async (executions) => {
      store.executions.insert = insert;
      await insert(executions);
      throw new Error("the connection broke");
    };
    await expect(commands.createExecutions({ executions: [execution] })).rejects.toThrow();
    const { answers } = await commands.createExecutions({ executions: [execution] });
    expect(answers[0]).toMatchObject({ kind: "created", execution: { id: execution.id, attempt: 1 } });
  });
});

describe("cancelling", () => {
  test("a queued execution is published once, and its request can be executed again", async () => {
    const it = testCore();
    const { id: execution_id, request_id } = await it.execution();
    for (let time = 0; time < 2; time++) {
      const answer = await it.commands.cancelExecution({ request_id, execution_id });
      expect(answer).toMatchObject({ kind: "cancelled", execution: { error: { code: "cancelled" } } });
      await it.outbox.flush();
    }
    const outcomes = it.publisher.records.filter(({ value }) => String(value).includes("is_success"));
    expect(outcomes).toHaveLength(1);
    expect((await it.execution(request_id)).attempt).toBe(2);
  });

  test("an execution that is claimed between read and write is asked to stop", async () => {
    const it = testCore();
    const execution = await it.execution();
    beforeNext(it.store.executions, "cancel", async () => it.run(await it.worker(), execution));
    const { request_id, id: execution_id } = execution;
    const answer = await it.commands.cancelExecution({ request_id, execution_id });
    expect(answer).toMatchObject({ kind: "cancelling", execution: { status: "running" } });
  });
});

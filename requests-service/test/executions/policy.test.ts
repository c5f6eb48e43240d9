import { describe, expect, test } from "bun:test";
import { limits, type NewExecution } from "@sate/contracts";
import { type Core, testCore, wanted } from "../core.ts";

async function create(it: Core, processor: string | undefined, parts: Partial<NewExecution> = {}) {
  const { id } = await it.request(processor === undefined ? {} : { processor });
  const execution = wanted(id, parts);
  const [answer] = (await it.commands.createExecutions({ executions: [execution] })).answers;
  return { answer, execution };
}
function served(): Core {
  const it = testCore();
  it.processors.announce("word-count", 60);
  return it;
}
const aheadMs = limits.startAheadSecondsMax * 1_000;

describe("creating an execution", () => {
  test("for an unknown processor is refused with the known names; the default processor is always known", async () => {
    const it = served();
    const { answer, execution } = await create(it, "word-cuont");
    expect(answer).toEqual({ kind: "unknown_processor", known: ["simulate", "word-count"] });
    expect(await it.store.executions.get([{ ...execution, attempt: 1 }])).toEqual([]);
    for (const name of [undefined, "simulate", "word-count"]) {
      const { answer } = await create(it, name, { timeout_seconds: 60 });
      expect(answer).toMatchObject({ kind: "created", execution: { processor: name ?? "simulate" } });
    }
  });

  test("with a timeout above that of its processor is refused with the maximum", async () => {
    const { answer } = await create(served(), "word-count", { timeout_seconds: 60.001 });
    expect(answer).toEqual({ kind: "timeout_too_long", max_seconds: 60 });
  });

  test("with a start too far ahead is refused, by the clock of the store", async () => {
    const it = served();
    const at = { start_after: it.time.now + aheadMs };
    expect((await create(it, "word-count", at)).answer).toMatchObject({ kind: "created" });
    const later = { start_after: it.time.now + aheadMs + 1 };
    expect((await create(it, "word-count", later)).answer).toEqual({ kind: "start_too_far" });
  });

  test("that would expire before its start is refused; one that starts at once is not", async () => {
    const it = served();
    const start_after = it.time.now + 1_000;
    const answerFor = async (expires_in_seconds: number, start: number) =>
      (await create(it, "word-count", { expires_in_seconds, start_after: start })).answer?.kind;
    expect(await answerFor(1, start_after)).toBe("expires_before_start");
    expect(await answerFor(1.001, start_after)).toBe("created");
    expect(await answerFor(0.001, it.time.now)).toBe("created");
  });

  test("that exists already is returned even if it would be refused now; an active one takes precedence over a refusal", async () => {
    const it = testCore();
    const { execution, answer } = await create(it, "old", {
      timeout_seconds: 100,
      start_after: it.time.now + 5,
    });
    expect(answer?.kind).toBe("created");
    it.processors.announce("word-count");
    const again = async (one: NewExecution) =>
      (await it.commands.createExecutions({ executions: [one] })).answers[0];
    expect(await again(execution)).toEqual(answer as never);
    const another = wanted(execution.request_id);
    expect(await again(another)).toEqual({ kind: "active", execution_id: execution.id });
    await it.commands.cancelExecution({ request_id: execution.request_id, execution_id: execution.id });
    expect(await again(another)).toMatchObject({ kind: "unknown_processor" });
  });

  test("that is in a batch twice is decided once, even if its processor is announced in between", async () => {
    const it = served();
    const { id } = await it.request({ processor: "late" });
    const { find } = it.processors;
    it.processors.find = async (name) => {
      const found = await find(name);
      it.processors.announce("late");
      return found;
    };
    const execution = wanted(id);
    const { answers } = await it.commands.createExecutions({ executions: [execution, execution] });
    expect(answers.map(({ kind }) => kind)).toEqual(["unknown_processor", "unknown_processor"]);
    expect(await it.store.executions.get([{ request_id: id, attempt: 1 }])).toEqual([]);
  });

  test("in a batch is decided alone: a refusal does not affect the others", async () => {
    const it = served();
    const { id } = await it.request({ processor: "word-count" });
    const executions = [wanted(id, { timeout_seconds: 61 }), wanted(id, { timeout_seconds: 60 }), wanted(id)];
    const { answers } = await it.commands.createExecutions({ executions });
    expect(answers.map(({ kind }) => kind)).toEqual(["timeout_too_long", "created", "active"]);
  });
});

import { describe, expect, test } from "bun:test";
import { topics } from "@sate/contracts";
import { createDeadlineWatch, graceMs } from "../../src/runs/overdue.ts";
import { madeExecution, madeOutcome } from "../builders.ts";
import { beforeNext, type Core, testCore } from "../core.ts";

/** Both clocks move, and the worker lives. */
async function pass(it: Core, ms: number, worker_id: string): Promise<void> {
  it.time.now += ms;
  it.time.monotonic += ms;
  await it.commands.heartbeat({ worker_id });
  await it.sweep();
}
async function running(seconds = 5) {
  const it = testCore();
  const worker_id = await it.worker();
  const execution = await it.execution(undefined, { timeout_seconds: seconds });
  const run = await it.run(worker_id, execution);
  await it.sweep();
  return { it, worker_id, run };
}
const status = async (it: Core, run: Parameters<Core["stored"]>[0]) => (await it.stored(run)).status;

describe("a run past its deadline and the grace period", () => {
  test("ends as timed out although its worker is alive; a later report of the worker is refused and counted", async () => {
    const { it, worker_id, run } = await running();
    await pass(it, 5_000 + graceMs - 1, worker_id);
    expect(await status(it, run)).toBe("running");
    await pass(it, 1, worker_id);
    const { outcome } = await it.stored(run);
    expect(outcome).toMatchObject({ status: "failed", tries: 1, error: { code: "timeout" } });
    await it.outbox.flush();
    expect(it.publisher.records.at(-1)?.topic).toBe(topics.failed);
    expect(await it.commands.heartbeat({ worker_id })).toEqual({ kind: "alive", runs: [] });
    const { answers } = await it.commands.finish({ runs: [{ ...run, outcome: madeOutcome() }] });
    expect(answers).toEqual([{ kind: "refused" }]);
    expect(it.counters.read()).toMatchObject({ finishes_refused: 1, runs_overdue: 1 });
  });

  test("ends as cancelled if that was requested", async () => {
    const { it, worker_id, run } = await running();
    await it.commands.cancelExecution(run);
    await pass(it, 5_000 + graceMs, worker_id);
    expect(await status(it, run)).toBe("cancelled");
  });

  test("keeps the outcome that its worker reports just before", async () => {
    const { it, worker_id, run } = await running();
    const runs = [{ ...run, outcome: madeOutcome() }];
    beforeNext(it.store.runs, "finish", () => it.commands.finish({ runs }));
    await pass(it, 5_000 + graceMs, worker_id);
    expect(await status(it, run)).toBe("succeeded");
  });

  test("is requeued if its worker was lost, and ends in the queue", async () => {
    const { it, worker_id, run } = await running();
    await it.store.workers.expire(worker_id);
    it.time.now += 5_000;
    it.time.monotonic += 5_000 + graceMs;
    await it.sweep();
    expect(await it.stored(run)).toMatchObject({ status: "queued", lost: 1 });
    await it.sweepWaiting();
    expect(await it.stored(run)).toMatchObject({ status: "failed", outcome: { error: { code: "timeout" } } });
  });
});

describe("a clock that jumps", () => {
  test.each([3_600_000, -3_600_000])(
    "by %d ms ends nothing before its time, and nothing much later",
    async (ms) => {
      const { it, worker_id, run } = await running();
      it.time.now += ms;
      await pass(it, 5_000 + graceMs - 1, worker_id);
      expect(await status(it, run)).toBe("running");
      await pass(it, 1, worker_id);
      expect(await status(it, run)).toBe("failed");
    },
  );
});

test("the time left is measured from when a run is first seen; runs that ended are forgotten", () => {
  let monotonic = 0;
  const watch = createDeadlineWatch(() => monotonic);
  const execution = madeExecution({ status: "running", epoch: 1, deadline_at: 1_000 });
  expect(watch.overdue([execution], 0)).toEqual([]);
  watch.swept();
  watch.swept();
  monotonic = 1_000 + graceMs;
  // Seen anew, with the time that it has left now.
  expect(watch.overdue([execution], 500)).toEqual([]);
  watch.swept();
  monotonic += 500 + graceMs;
  expect(watch.overdue([execution, madeExecution({ status: "running" })], 0)).toEqual([execution]);
});

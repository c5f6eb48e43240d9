import { afterEach, describe, expect, test } from "bun:test";
import { executionMark, headerNames, topics } from "@sate/contracts";
import { recoverAll, sweepWorkers } from "../src/sweep.ts";
import { createWorkerWatch } from "../src/worker-watch.ts";
import { type Core, createCore, lostMax, sweepsMax } from "./core.ts";
import { madeOutcome, newId } from "./made.ts";

const cores: Core[] = [];
afterEach(async () => {
  for (const { outbox, store } of cores.splice(0)) {
    await outbox.flush();
    await store.close();
  }
});
function core(): Core {
  const made = createCore();
  cores.push(made);
  return made;
}
async function sweeps(it: Core, count: number): Promise<void> {
  for (let sweep = 0; sweep < count; sweep++) await it.sweep();
}
const enough = sweepsMax + 1;

describe("a worker that is silent", () => {
  test("is given up, and its runs go back to the queue, one loss charged", async () => {
    const it = core();
    const worker = await it.worker();
    const run = await it.run(worker);
    await it.outbox.flush();
    await sweeps(it, enough - 1);
    expect((await it.stored(run)).status).toBe("running");
    await it.sweep();
    expect(await it.stored(run)).toMatchObject({
      status: "queued",
      lost: 1,
      epoch: 1,
      mark: executionMark(1),
    });
    expect(await it.commands.heartbeat({ worker_id: worker })).toEqual({ kind: "given_up" });
    await it.outbox.flush();
    expect(it.publisher.records.map(({ topic }) => topic)).toEqual([topics.executions, topics.executions]);
    expect(it.counters.read()).toMatchObject({ workers_given_up: 1, runs_lost: 1 });
    // Its outcome comes too late.
    const { answers } = await it.commands.finish({ runs: [{ ...run, outcome: madeOutcome() }] });
    expect(answers).toEqual([{ kind: "refused" }]);
    await it.sweep();
    expect(await it.store.workers.list({ limit: 10 })).toEqual([]);
  });

  test("MAX_LOST times: the execution is dead-lettered, published with its reason, and final", async () => {
    const it = core();
    const execution = await it.execution();
    for (let lost = 1; lost <= lostMax; lost++) {
      const run = await it.run(await it.worker(), execution);
      expect(run.epoch).toBe(lost);
      await sweeps(it, enough);
    }
    const stored = await it.stored(execution);
    expect(stored).toMatchObject({
      status: "dead_lettered",
      lost: lostMax,
      outcome: { error: { code: "lost" } },
    });
    await it.outbox.flush();
    const record = it.publisher.records.at(-1);
    expect(record?.topic).toBe(topics.deadLetters);
    expect(record?.headers[headerNames.reason]).toBe("lost");
    const next = await it.execution(execution.request_id);
    expect(next.attempt).toBe(2);
  });

  test("that beats just before it is given up is kept", async () => {
    const it = core();
    const worker = await it.worker();
    const run = await it.run(worker);
    await sweeps(it, enough - 1);
    const { giveUp } = it.store.workers;
    it.store.workers.giveUp = async (...args) => {
      await it.commands.heartbeat({ worker_id: worker });
      return giveUp(...args);
    };
    await it.sweep();
    expect((await it.stored(run)).status).toBe("running");
    expect(await it.commands.heartbeat({ worker_id: worker })).toMatchObject({ kind: "alive" });
  });

  test("while it beats it is never given up", async () => {
    const it = core();
    const worker = await it.worker();
    const run = await it.run(worker);
    for (let beat = 0; beat < 5; beat++) {
      await sweeps(it, sweepsMax - 1);
      await it.commands.heartbeat({ worker_id: worker });
    }
    expect((await it.stored(run)).status).toBe("running");
  });

  test("whose run somebody asked to cancel: it is cancelled, not run again", async () => {
    const it = core();
    const run = await it.run(await it.worker());
    const { request_id, execution_id } = run;
    await it.commands.cancelExecution({ request_id, execution_id });
    await sweeps(it, enough);
    expect((await it.stored(run)).status).toBe("cancelled");
    await it.outbox.flush();
    expect(it.publisher.records.at(-1)?.topic).toBe(topics.failed);
  });

  test("a run that ended while it was put back keeps its outcome", async () => {
    const it = core();
    const run = await it.run(await it.worker());
    await sweeps(it, enough - 1);
    const { requeue } = it.store.runs;
    it.store.runs.requeue = async (...args) => {
      await it.commands.finish({ runs: [{ ...run, outcome: madeOutcome() }] });
      return requeue(...args);
    };
    await it.sweep();
    expect(await it.stored(run)).toMatchObject({ status: "succeeded", lost: 0 });
  });
});

describe("runs without a living worker", () => {
  test("a run of a worker that nobody knows is put back", async () => {
    const it = core();
    const run = await it.run(newId());
    await it.sweep();
    expect(await it.stored(run)).toMatchObject({ status: "queued", lost: 1 });
  });

  test("a worker that registered after the workers were listed is not robbed", async () => {
    const it = core();
    const { list } = it.store.workers;
    let run = null as Awaited<ReturnType<Core["run"]>> | null;
    it.store.workers.list = async (page) => {
      const listed = await list(page);
      run ??= await it.run(await it.worker());
      return listed;
    };
    await it.sweep();
    if (!run) throw new Error("nothing ran");
    expect(await it.stored(run)).toMatchObject({ status: "running", lost: 0 });
  });

  test("more of them than a page, some of the living between them", async () => {
    const it = core();
    const living = await it.worker();
    const dead = newId();
    const executions = [];
    for (let index = 0; index < 1_100; index++) executions.push(await it.execution());
    for (let at = 0; at < executions.length; at += 50) {
      const refs = executions.slice(at, at + 50).map(({ id, request_id, attempt }) => {
        return { execution_id: id, request_id, attempt };
      });
      const worker_id = at % 100 ? living : dead;
      await it.commands.claim({ worker_id, claim_id: newId(), executions: refs });
    }
    await it.sweep();
    expect(await it.store.runs.queued(10_000)).toHaveLength(550);
    expect(await it.store.runs.running({ workerId: living, limit: 10_000 })).toHaveLength(550);
  });

  test("two sweepers at once charge one loss", async () => {
    const it = core();
    const run = await it.run(newId());
    const { store, putBack, counters, log } = it;
    const sweepers = [1, 2, 3].map(() =>
      sweepWorkers({ store, watch: createWorkerWatch(sweepsMax), putBack, counters, log }),
    );
    await Promise.all(sweepers);
    expect(await it.stored(run)).toMatchObject({ status: "queued", lost: 1 });
  });

  test("the payload cannot be read: the run is put back all the same, and the outbox sweep wakes it", async () => {
    const it = core();
    const run = await it.run(newId());
    await it.outbox.flush();
    it.publisher.records.length = 0;
    const { get } = it.store.requests;
    it.store.requests.get = async () => {
      throw new Error("away");
    };
    await it.sweep();
    it.store.requests.get = get;
    expect((await it.stored(run)).status).toBe("queued");
    await it.outbox.sweep();
    await it.outbox.sweep();
    expect(it.publisher.records).toHaveLength(1);
  });
});

describe("a clean end of a worker", () => {
  test("hands back what it held, nothing charged, and forgets it", async () => {
    const it = core();
    const worker = await it.worker();
    const run = await it.run(worker);
    expect(await it.commands.endWorker({ worker_id: worker })).toEqual({ handed_back: 1 });
    expect(await it.stored(run)).toMatchObject({ status: "queued", lost: 0 });
    expect(await it.commands.heartbeat({ worker_id: worker })).toEqual({ kind: "given_up" });
    expect(await it.commands.endWorker({ worker_id: worker })).toEqual({ handed_back: 0 });
  });
});

test("after a crash of a system that is alone, all that ran is put back at once, and no worker is known", async () => {
  const it = core();
  const worker = await it.worker();
  const runs = [await it.run(worker), await it.run(newId())];
  await recoverAll(it.store, it.putBack);
  for (const run of runs) expect(await it.stored(run)).toMatchObject({ status: "queued", lost: 1 });
  expect(await it.store.workers.list({ limit: 10 })).toEqual([]);
});

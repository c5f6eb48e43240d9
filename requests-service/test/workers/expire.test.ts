import { describe, expect, test } from "bun:test";
import { executionMark, headerNames, topics } from "@sate/contracts";
import { createLeaseExpiry, sweepWorkers } from "../../src/workers/expire.ts";
import { madeOutcome, newId } from "../builders.ts";
import { beforeNext, type Core, lostMax, sweepsMax, testCore } from "../core.ts";

async function sweeps(it: Core, count: number): Promise<void> {
  for (let sweep = 0; sweep < count; sweep++) await it.sweep();
}
const enough = sweepsMax + 1;

describe("a worker without heartbeats", () => {
  test("loses its lease, and its runs are requeued and count as lost", async () => {
    const it = testCore();
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
    const it = testCore();
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

  test("that beats just before its lease expires keeps it", async () => {
    const it = testCore();
    const worker = await it.worker();
    const run = await it.run(worker);
    await sweeps(it, enough - 1);
    beforeNext(it.store.workers, "expire", () => it.commands.heartbeat({ worker_id: worker }));
    await it.sweep();
    expect((await it.stored(run)).status).toBe("running");
    expect(await it.commands.heartbeat({ worker_id: worker })).toMatchObject({ kind: "alive" });
  });

  test("keeps the outcome of a run that ended during the requeue", async () => {
    const it = testCore();
    const run = await it.run(await it.worker());
    await sweeps(it, enough - 1);
    const runs = [{ ...run, outcome: madeOutcome() }];
    beforeNext(it.store.runs, "requeue", () => it.commands.finish({ runs }));
    await it.sweep();
    expect(await it.stored(run)).toMatchObject({ status: "succeeded", lost: 0 });
  });
});

describe("runs without a live worker", () => {
  test("a worker that registered after the workers were listed keeps its runs", async () => {
    const it = testCore();
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

  test("all pages are requeued, except runs of live workers between them", async () => {
    const it = testCore();
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
    expect((await it.store.runs.queued([{ limit: 10_000 }]))[0]).toHaveLength(550);
    expect(await it.store.runs.running({ worker_id: living, limit: 10_000 })).toHaveLength(550);
  });

  test("two sweepers at once count one loss", async () => {
    const it = testCore();
    const run = await it.run(newId());
    const sweepers = [1, 2, 3].map(() =>
      sweepWorkers(it.ports, { ...it.workerSweep, leaseExpiry: createLeaseExpiry(sweepsMax) }),
    );
    await Promise.all(sweepers);
    expect(await it.stored(run)).toMatchObject({ status: "queued", lost: 1 });
  });

  test("a run is requeued although its payload cannot be read, and the outbox sweep publishes its wake-up", async () => {
    const it = testCore();
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

/** `null`: a sweep without this worker; "failed": one that failed; "expired": one in which its lease has expired. */
const leases: [string, (number | null | "failed" | "expired")[], number[]][] = [
  [
    "a lease expires after as many sweeps in a row that saw the same count, and not before",
    [7, 7, 7, 7],
    [2, 3],
  ],
  ["after a heartbeat counting begins again", [1, 1, 2, 2, 3, 3, 4, 4, 4], [8]],
  ["after a failed sweep counting begins again", [1, 1, "failed", 1, 1, 1], [5]],
  ["counting begins again for one that was absent", [1, 1, null, 1, 1], []],
  ["an expired worker is not reported again", [1, 1, "expired", 1, 1], []],
];

test.each(leases)("%s", (_, sweeps, expiredAt) => {
  const expiry = createLeaseExpiry(2);
  const expired = sweeps.flatMap((seen, index) => {
    if (seen === "failed") expiry.reset();
    if (seen === "failed") return [];
    const one = { id: "one", beats: seen === "expired" ? 1 : Number(seen), given_up: seen === "expired" };
    const workers = [{ id: "beating", beats: index, given_up: false }, ...(seen === null ? [] : [one])];
    return expiry
      .observe(workers.map((worker) => ({ ...worker, processors: [] })))
      .map(({ id }) => [id, index]);
  });
  expect(expired).toEqual(expiredAt.map((index) => ["one", index]));
});

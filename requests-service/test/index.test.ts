import { afterEach, describe, expect, test } from "bun:test";
import { outcomeMark, topics, Unavailable } from "@sate/contracts";
import { createCounters } from "@sate/contracts/runtime";
import { fakeLog } from "@sate/contracts/test/fakes/log.ts";
import { until } from "@sate/contracts/test/until.ts";
import { sqliteStore } from "../src/adapters/sqlite/store.ts";
import { type Config, createRequestsService } from "../src/index.ts";
import { sqliteFile } from "./adapters/sqlite/file.ts";
import { madeOutcome, newId } from "./builders.ts";
import { wanted } from "./core.ts";
import { serviceToken } from "./door.ts";
import { fakeDeadLetters } from "./fakes/dead-letters.ts";
import { fakePublisher } from "./fakes/publisher.ts";
import { fakeResults } from "./fakes/results.ts";
import { fakeResultsRemoval } from "./fakes/results-removal.ts";

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

function made(options: Partial<Config> & { file?: ReturnType<typeof sqliteFile> } = {}) {
  const { file = sqliteFile(), ...config } = options;
  const counters = createCounters();
  const store = sqliteStore(file);
  const publisher = fakePublisher();
  const results = fakeResults();
  const log = fakeLog();
  const fatal = (what: string, error: unknown) => {
    throw new Error(`${what}: ${error}`);
  };
  const [resultsRemoval, deadLetters] = [fakeResultsRemoval(), fakeDeadLetters()];
  const others = { results, resultsRemoval, deadLetters };
  const outside = { store, publisher, ...others, clock: () => 0, newId, random: () => 0 };
  const ports = { ...outside, log, counters, fatal };
  const service = createRequestsService(ports, {
    ...{ serviceToken, leaseMs: 200, lostMax: 3, confirmMs: 20, logsKeptMs: 60_000, exclusive: false },
    ...{ executionsKeptMs: 0, requestsKeptMs: 0, storesRecords: true },
    ...config,
  });
  ends.push(async () => {
    publisher.release();
    await service.stop();
  });
  return { service, store, publisher, results, log, counters, file };
}

async function running({ service }: ReturnType<typeof made>) {
  const request = { id: newId(), payload_json: "1" };
  await service.commands.createRequests({ requests: [request] });
  await service.commands.createExecutions({ executions: [wanted(request.id)] });
  const worker_id = newId();
  await service.commands.registerWorker({ worker_id });
  const { runs } = await service.commands.claimAny({ worker_id, claim_id: newId(), limit: 1 });
  const [run] = runs;
  if (!run) throw new Error("nothing was claimed");
  const status = async () => {
    const found = await service.commands.getExecution({ ...run });
    return found.kind === "found" ? found.execution.status : found.kind;
  };
  return { run, worker_id, status };
}

describe("start", () => {
  test("on a store that refuses to be opened it is not ready, says why, and starts once it may", async () => {
    const it = made();
    const { open } = it.store;
    const reason = "The Requests DB is being filled.";
    let mayOpen = false;
    it.store.open = () =>
      mayOpen ? open() : Promise.reject(new Unavailable(reason, { reason: "not_done" }));
    const start = it.service.start();
    await until("it says why", async () => (await it.service.notReadyReasons()).includes(reason));
    mayOpen = true;
    await start;
    expect(await it.service.notReadyReasons()).toEqual([]);
  });

  test("waits for an absent broker, accepts executions meanwhile, and publishes them when it is back", async () => {
    const it = made();
    it.publisher.mood = "away";
    const start = it.service.start();
    await until("it names what is away", async () => (await it.service.notReadyReasons()).length === 2);
    expect(await it.service.notReadyReasons()).toEqual(["It is starting.", "The broker does not respond."]);
    const { status } = await running(it);
    expect(await status()).toBe("running");
    it.publisher.mood = "healthy";
    await start;
    expect(await it.service.notReadyReasons()).toEqual([]);
  });

  test("waits for an absent database, and names it beside the broker", async () => {
    const it = made();
    const { open } = it.store;
    let isAway = true;
    it.publisher.mood = "away";
    it.store.open = async () => {
      if (isAway) throw new Unavailable("away");
      await open();
    };
    const start = it.service.start();
    await until("it names both", async () => (await it.service.notReadyReasons()).length === 3);
    isAway = false;
    it.publisher.mood = "healthy";
    await start;
    expect(await it.service.notReadyReasons()).toEqual([]);
  });

  test("alone on its database, it requeues at once what a crash left running", async () => {
    const first = made();
    await first.service.start();
    const { run } = await running(first);
    const second = made({ file: first.file, exclusive: true, leaseMs: 3_600_000 });
    await second.service.start();
    const found = await second.service.commands.getExecution({ ...run });
    expect(found).toMatchObject({ kind: "found", execution: { status: "queued", lost: 1 } });
    expect(await second.store.workers.list({ limit: 10 })).toEqual([]);
  });
});

describe("its sweeps", () => {
  test("expire the lease of a worker without heartbeats, and keep one with heartbeats", async () => {
    const it = made({ leaseMs: 100 });
    await it.service.start();
    const [lost, beating] = [await running(it), await running(it)];
    await until("it is queued again", async () => {
      await it.service.commands.heartbeat({ worker_id: beating.worker_id });
      return (await lost.status()) === "queued";
    });
    expect(await beating.status()).toBe("running");
  });

  test("wake what waited for its start, and end what has expired", async () => {
    const it = made();
    await it.service.start();
    const { commands } = it.service;
    const requests = [newId(), newId()].map((id) => ({ id, payload_json: "1" }));
    await commands.createRequests({ requests });
    const [waits = "", expires = ""] = requests.map(({ id }) => id);
    const start_after = it.store.now() + 1;
    const executions = [wanted(waits, { start_after }), wanted(expires, { expires_in_seconds: 0.001 })];
    await commands.createExecutions({ executions });
    const topicsOf = (id: string) =>
      it.publisher.records.flatMap(({ key, topic }) => (key === id ? [topic] : []));
    await until("both are published", () => topicsOf(waits).length + topicsOf(expires).length >= 3);
    expect([topicsOf(waits), topicsOf(expires)]).toEqual([
      [topics.executions],
      [topics.executions, topics.failed],
    ]);
  });

  test("end executions that a withdrawal left waiting, and remove old logs", async () => {
    const it = made({ leaseMs: 3_000, logsKeptMs: 20 });
    const { commands } = it.service;
    await it.service.start();
    const worker_id = newId();
    const announced = { name: "p", kind: "module" as const, timeout_seconds: 60 };
    await commands.registerWorker({ worker_id, processors: [announced] });
    await commands.endWorker({ worker_id });
    const request = { id: newId(), payload_json: "1", processor: "p" };
    await commands.createRequests({ requests: [request] });
    await commands.createExecutions({ executions: [wanted(request.id)] });
    // As a call that died at this point leaves it.
    await it.store.processors.withdraw("p");
    const { run } = await running(it);
    await commands.appendLogs({ chunks: [{ ...run, sequence: 0, text: "line\n" }] });
    await until("the withdrawal is completed", () => it.counters.read().executions_withdrawn === 1);
    await until("the log is removed", () => it.counters.read().log_chunks_removed === 1);
  }, 30_000);

  test("an absent database makes it not ready, and expires no lease", async () => {
    const it = made({ leaseMs: 100 });
    await it.service.start();
    const { status } = await running(it);
    const { list } = it.store.workers;
    let failures = 0;
    it.store.workers.list = async () => {
      failures++;
      throw new Unavailable("away");
    };
    await until("many sweeps failed", () => failures > 15);
    expect(await it.service.notReadyReasons()).toEqual(["The Requests DB does not respond."]);
    expect(await status()).toBe("running");
    it.store.workers.list = list;
    await until("it is ready again", async () => (await it.service.notReadyReasons()).length === 0);
    expect(await status()).toBe("running");
  });
});

test("logs that cannot be removed for a moment do not affect readiness", async () => {
  const it = made({ logsKeptMs: 10 });
  let failures = 0;
  it.store.logs.removeBefore = async () => {
    failures++;
    throw new Unavailable("away");
  };
  await it.service.start();
  await until("some removals failed", () => failures > 2);
  expect(await it.service.notReadyReasons()).toEqual([]);
}, 30_000);

describe("missing results", () => {
  async function finished(it: ReturnType<typeof made>) {
    await it.service.start();
    const { run } = await running(it);
    await it.service.commands.finish({ runs: [{ ...run, outcome: madeOutcome() }] });
    const { request_id, attempt } = run;
    // Its processor has published it; then the broker lost it.
    const published = [{ request_id, attempt, mark: outcomeMark }];
    await it.service.commands.markPublished({ published });
    const outcomes = () => it.publisher.records.filter(({ topic }) => topic === topics.successful).length;
    return { run, outcomes };
  }

  test("are noticed, and their outcomes published again", async () => {
    const it = made();
    const { run, outcomes } = await finished(it);
    await until("it is published again", () => outcomes() > 0, 20_000);
    it.results.record(run);
    await until("it is confirmed", () => it.counters.read().results_confirmed === 1);
    expect(await it.service.notReadyReasons()).toEqual([]);
  }, 30_000);

  test("are looked for again after results-service was away, without affecting readiness or publishing anything", async () => {
    const it = made();
    it.results.isAway = true;
    const { run, outcomes } = await finished(it);
    await until("some looks failed", () => (it.counters.read().confirm_looks_failed ?? 0) > 5);
    expect([await it.service.notReadyReasons(), outcomes()]).toEqual([[], 0]);
    it.results.record(run);
    it.results.isAway = false;
    await until("it is confirmed", () => it.counters.read().results_confirmed === 1);
  });
});

describe("stop", () => {
  test("is safe before the start, which then does nothing, and twice", async () => {
    const { service } = made();
    await Promise.all([service.stop(), service.stop()]);
    await service.start();
    expect(await service.notReadyReasons()).toEqual(["It is stopping."]);
  });

  test("publishes what was accepted, and then closes the database", async () => {
    const it = made();
    await it.service.start();
    await running(it);
    await it.service.stop();
    expect(it.publisher.records).toHaveLength(1);
    const late = it.service.commands.getRequest({ request_id: newId() });
    expect(await late.catch((error: unknown) => error)).toBeInstanceOf(Unavailable);
  });

  test("waits no longer than its deadline for a broker that hangs", async () => {
    const it = made();
    await it.service.start();
    it.publisher.mood = "hangs";
    await running(it);
    await it.service.stop();
    expect(it.log.said).toContain("warn: a part did not stop in time");
  }, 15_000);
});

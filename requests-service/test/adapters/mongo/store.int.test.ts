import { afterAll, afterEach, beforeAll, describe, expect, spyOn, test } from "bun:test";
import net, { type Socket } from "node:net";
import { type Run, Unavailable } from "@sate/contracts";
import { createCounters, inTime } from "@sate/contracts/runtime";
import { proxyTo, type TcpProxy } from "@sate/contracts/test/support/proxy.ts";
import { testServers } from "@sate/contracts/test/support/servers.ts";
import { until } from "@sate/contracts/test/until.ts";
import { MongoClient, MongoNetworkError } from "mongodb";
import { mongoStore } from "../../../src/adapters/mongo/store.ts";
import type { Store } from "../../../src/ports.ts";
import { madeExecution, madeOutcome, madeRequest, newId, refOf, runOf } from "../../builders.ts";
import { storeConformance } from "../../conformance/store/store.ts";
import { createCore, wanted } from "../../core.ts";
import { withDatabase } from "./database.ts";

const servers = await testServers();

if (servers.kind === "running") {
  storeConformance("mongoStore", async () => {
    const names = new WeakMap<Store, string>();
    const counters = createCounters();
    return {
      async make(sameAs) {
        const name = (sameAs && names.get(sameAs)) ?? `requests-${newId()}`;
        const store = mongoStore({ url: withDatabase(servers.requestsMongoUrl, name), counters });
        names.set(store, name);
        return store;
      },
      operations: () => counters.read().mongo_commands ?? 0,
      // A document may have 16 MiB.
      invalid: (execution) => ({ ...execution, traceparent: "x".repeat(16 * 1024 * 1024) }),
    };
  });

  describe("mongoStore", () => {
    const counters = createCounters();
    const url = withDatabase(servers.requestsMongoUrl, `requests-${newId()}`);
    const store = mongoStore({ url, counters });
    const core = createCore({ store });
    beforeAll(() => store.open(), 60_000);
    afterAll(() => store.close(), 60_000);

    async function commandsOf(work: () => Promise<unknown>): Promise<number> {
      const before = counters.read().mongo_commands ?? 0;
      await work();
      return (counters.read().mongo_commands ?? 0) - before;
    }

    test("64 executions, from creation to end, cost a fixed number of commands", async () => {
      const requests = Array.from({ length: 64 }, () => ({ id: newId(), payload_json: "1" }));
      const executions = requests.map(({ id }) => wanted(id));
      const { commands, outbox } = core;
      expect(await commandsOf(() => commands.createRequests({ requests }))).toBe(1);
      const twice = [...executions, ...requests.map(({ id }) => wanted(id))];
      expect(await commandsOf(() => commands.createExecutions({ executions: twice }))).toBe(2);
      expect(await commandsOf(outbox.flush)).toBeLessThanOrEqual(1);

      const claim = {
        ...{ worker_id: await core.worker(), claim_id: newId() },
        executions: executions.map(({ id, request_id }) => ({ request_id, attempt: 1, execution_id: id })),
      };
      let { runs } = await commands.claim({ ...claim, executions: [] });
      expect(await commandsOf(async () => ({ runs } = await commands.claim(claim)))).toBe(3);
      expect(runs).toHaveLength(64);
      const again = { ...claim, claim_id: newId() };
      // Nothing is left to be written.
      expect(await commandsOf(() => commands.claim(again))).toBe(2);

      const finished = runs.map((run) => ({ ...run, outcome: madeOutcome() }));
      expect(await commandsOf(() => commands.finish({ runs: finished }))).toBe(1);
      const published = runs.map(({ request_id, attempt }) => ({ request_id, attempt, mark: "outcome" }));
      expect(await commandsOf(() => commands.markPublished({ published }))).toBe(1);
      expect(await store.outbox.marked({ limit: 1_000 })).toEqual([]);

      for (const { request_id, attempt } of runs) core.results.record({ request_id, attempt });
      // A page of unconfirmed ones, the webhooks, and the confirmation.
      expect(await commandsOf(() => core.look(AbortSignal.timeout(10_000)))).toBe(3);
      expect(core.counters.read().results_confirmed).toBe(64);
      expect(await commandsOf(() => core.look(AbortSignal.timeout(10_000)))).toBe(1);
    });

    test("an idle processor and a heartbeat cost two commands each", async () => {
      const worker_id = await core.worker();
      const idle = { worker_id, claim_id: newId(), limit: 4 };
      expect(await commandsOf(() => core.commands.claimAny(idle))).toBe(2);
      expect(await commandsOf(() => core.commands.heartbeat({ worker_id }))).toBe(2);
      const processors = ["a", "b", "c"].map((name) => ({ name, limit: 4, timeout_seconds: 1 }));
      expect(await commandsOf(() => core.commands.claimAny({ ...idle, processors }))).toBe(2);
    });

    test("a poll costs one more command for a backlog, however many processors it names", async () => {
      const worker_id = await core.worker();
      for (let backlog = 0; backlog < 12; backlog++) await core.execution();
      const commandsFor = (names: string[]) => {
        const processors = ["simulate", ...names].map((name) => ({ name, limit: 1, timeout_seconds: 60 }));
        const poll = { worker_id, claim_id: newId(), limit: 1, processors };
        return commandsOf(() => core.commands.claimAny(poll));
      };
      const alone = await commandsFor([]);
      expect(await commandsFor(["a"])).toBe(alone + 1);
      expect(await commandsFor(Array.from({ length: 60 }, (_, index) => `p${index}`))).toBe(alone + 1);
    });

    test("registrations, progress, logs and withdrawals cost a fixed number of commands", async () => {
      const { commands, withdrawals } = core;
      const worker_id = await core.worker();
      const announced = Array.from({ length: 128 }, (_, index) => ({
        ...{ name: `p${index}`, kind: "module" as const, timeout_seconds: 60 },
      }));
      const worker = { worker_id: newId(), processors: announced };
      // The worker, the known ones, the new ones, and the known ones once more for admission.
      expect(await commandsOf(() => commands.registerWorker(worker))).toBe(4);
      expect(await commandsOf(() => commands.registerWorker(worker))).toBe(6);
      // And the live workers.
      expect(await commandsOf(() => commands.registerWorker({ ...worker, group: "g" }))).toBe(7);
      expect(await commandsOf(() => commands.endWorker(worker))).toBe(3);

      const runs: Run[] = [];
      for (let count = 0; count < 16; count++) runs.push(await core.run(worker_id));
      const progress = runs.map((run) => ({ ...run, progress: { fraction: 0.5 } }));
      expect(await commandsOf(() => commands.heartbeat({ worker_id, progress }))).toBe(3);
      const held = { held: runs, claim_id: newId() };
      expect(await commandsOf(() => commands.heartbeat({ worker_id, ...held }))).toBe(2);

      const chunksFrom = (first: number) =>
        runs.flatMap((run) => [0, 1].map((index) => ({ ...run, sequence: first + index, text: "line\n" })));
      for (const first of [0, 2]) {
        expect(await commandsOf(() => commands.appendLogs({ chunks: chunksFrom(first) }))).toBe(3);
      }
      const { request_id, execution_id } = runs[0] as (typeof runs)[number];
      expect(await commandsOf(() => commands.readLog({ request_id, execution_id }))).toBe(2);

      const never = new AbortController().signal;
      expect(await commandsOf(() => withdrawals.sweep(never))).toBe(1);
      const waiting = runs.map(() => madeRequest({ processor: "p1" }));
      await store.requests.insert(waiting);
      await store.executions.insert(
        waiting.map(({ id }) => madeExecution({ request_id: id, processor: "p1" })),
      );
      const withdraw = () => commands.withdrawProcessor({ name: "p1" });
      // The withdrawal between two looks at the workers, and the known ones for admission; then a page: read, checked
      // and ended, its requests read; and a look at what is left.
      expect(await commandsOf(withdraw)).toBe(9);
      expect(await commandsOf(withdraw)).toBe(5);
      await core.outbox.flush();
    });

    test("a processor that is withdrawn and announced at the same instant is known, and what waits for it then stays", async () => {
      const [one, other] = [core, createCore({ store, knowsAnnounced: true })];
      const never = new AbortController().signal;
      for (let round = 0; round < 30; round++) {
        const name = `contended-${round}`;
        await one.commands.endWorker({ worker_id: await one.worker(name) });
        const request = await one.request({ processor: name });
        // Each is the first to be sent in every other round.
        const early = round % 2 ? other.worker(name) : null;
        const withdrawn = one.commands.withdrawProcessor({ name });
        const worker_id = await (early ?? other.worker(name));
        const execution = wanted(request.id);
        await until("it is known again", async () => {
          const { answers } = await other.commands.createExecutions({ executions: [execution] });
          return answers[0]?.kind === "created";
        });
        await Promise.all([withdrawn, one.withdrawals.sweep(never), other.withdrawals.sweep(never)]);
        await one.withdrawals.sweep(never);
        expect((await other.stored({ request_id: request.id, attempt: 1 })).status).toBe("queued");
        const found = await one.commands.getProcessor({ name });
        expect(found).toMatchObject({ kind: "found", processor: { workers: [{ id: worker_id }] } });
      }
      await Promise.all([one.outbox.flush(), other.outbox.flush()]);
    }, 30_000);

    test("a sweep costs one command while nothing is due, and five for a whole page that is", async () => {
      expect(await commandsOf(() => core.sweepWaiting())).toBe(1);
      const executions = Array.from({ length: 499 }, (_, index) =>
        madeExecution({
          wake_at: 1,
          mark: undefined,
          ...(index % 2 ? { start_after: 1 } : { expires_at: 1 }),
        }),
      );
      await store.requests.insert(executions.map(({ request_id: id }) => madeRequest({ id })));
      await store.executions.insert(executions);
      core.ports.publisher.publish = async () => {};
      const { publishAllSoon } = core.outbox;
      core.outbox.publishAllSoon = async () => {};
      expect(await commandsOf(() => core.sweepWaiting())).toBe(3);
      core.outbox.publishAllSoon = publishAllSoon;
    });

    test("the clock is that of the server, whole ms, and runs on by itself", async () => {
      await store.ping();
      // The server of the tests is this machine.
      expect(Math.abs(store.now() - Date.now())).toBeLessThan(1_000);
      expect(Number.isInteger(store.now())).toBe(true);
      const before = store.now();
      expect(await commandsOf(() => until("it has moved", () => store.now() > before))).toBe(0);
    });
  });

  describe("mongoStore behind a bad connection", () => {
    const { requestsMongoUrl } = servers;
    const server = new URL(requestsMongoUrl);
    const made: { store: Store; proxy: TcpProxy }[] = [];
    afterEach(async () => {
      for (const { store, proxy } of made.splice(0)) {
        await store.close();
        await proxy.refuse();
      }
    });
    async function behindProxy() {
      const proxy = await proxyTo({ host: server.hostname, port: Number(server.port) });
      const url = new URL(withDatabase(requestsMongoUrl, `requests-${newId()}`));
      url.port = String(proxy.port);
      const store = mongoStore({ url: url.href, counters: createCounters(), deadlineMs: 500 });
      made.push({ store, proxy });
      return { store, proxy };
    }
    const succeeds = (call: Promise<void>) =>
      call.then(
        () => true,
        () => false,
      );

    for (const replies of ["swallow", "cut"] as const) {
      test(`replies: ${replies}; an uncertain write is never acknowledged, and repeating it returns what is stored`, async () => {
        const { store, proxy } = await behindProxy();
        await store.open();
        const request = madeRequest();
        const execution = madeExecution({ request_id: request.id });
        const claim = { worker_id: newId(), claim_id: newId() };
        const outcome = madeOutcome();
        const retry = { start_after: 1, wake_at: 1, last_error: { code: "busy", message: "" } };
        const expiring = madeExecution({ request_id: request.id, attempt: 2 });
        const ended = madeOutcome("failed");
        const steps: [() => Promise<unknown>, unknown][] = [
          [() => store.requests.insert([request]), [request]],
          [() => store.executions.insert([execution]), [false]],
          [
            () => store.runs.claim(claim, [refOf(execution)]),
            { refused: 0, held: [expect.objectContaining(claim)] },
          ],
          [() => store.runs.retryLater([{ ...runOf(execution, 1), ...retry }]), [true]],
          [() => store.waiting.wake([{ ...runOf(execution, 1), ...retry }]), [true]],
          [
            () => store.runs.claim(claim, [refOf(execution)]),
            { refused: 0, held: [expect.objectContaining({ ...claim, epoch: 2 })] },
          ],
          [() => store.runs.finish([{ ...runOf(execution, 2), outcome }]), ["stored"]],
          [() => store.executions.insert([expiring]), [false]],
          [() => store.waiting.end([{ ...runOf(expiring, 0), outcome: ended }]), ["stored"]],
        ];
        for (const [call, answer] of steps) {
          await until("the connection is good", () => succeeds(store.ping()));
          proxy.replies = replies;
          await expect(call()).rejects.toBeInstanceOf(Unavailable);
          proxy.replies = "pass";
          await until("the connection is good", () => succeeds(store.ping()));
          expect(await call()).toEqual(answer);
        }
        const [stored] = await store.executions.get([execution]);
        expect(stored).toMatchObject({ id: execution.id, status: "succeeded", epoch: 2, tries: 1 });
      }, 30_000);
    }

    test("a server that starts late, goes and comes back is found again", async () => {
      const { store, proxy } = await behindProxy();
      await proxy.refuse();
      for (let round = 0; round < 2; round++) await expect(store.open()).rejects.toBeInstanceOf(Unavailable);
      await expect(store.requests.insert([madeRequest()])).rejects.toBeInstanceOf(Unavailable);
      await proxy.accept();
      await until("it opens", () => succeeds(store.open()));
      await store.requests.insert([madeRequest()]);
      await proxy.refuse();
      await expect(store.requests.insert([madeRequest()])).rejects.toBeInstanceOf(Unavailable);
      await expect(store.ping()).rejects.toBeInstanceOf(Unavailable);
      await proxy.accept();
      await until("it is found", () => succeeds(store.ping()));
      expect(await store.finding.requests({}, { from: "", below: "~", limit: 10 })).toHaveLength(1);
    }, 30_000);

    // Without the patch of the driver it waits forever: its own monitor too, and then the database is never found.
    test("the driver fails a command that it writes into a closing socket", async () => {
      const opened = spyOn(net, "createConnection");
      const client = new MongoClient(servers.requestsMongoUrl, { retryReads: false });
      try {
        await client.db().command({ ping: 1 });
        for (const { value } of opened.mock.results) (value as Socket).destroy();
        const failed = inTime(client.db().command({ ping: 1 }), 10_000);
        await expect(failed).rejects.toBeInstanceOf(MongoNetworkError);
        await client.db().command({ ping: 1 });
      } finally {
        opened.mockRestore();
        await client.close();
      }
    }, 30_000);
  });
} else {
  describe.skip(`mongoStore is not tested: ${servers.reason}`, () => test("a database", () => {}));
}

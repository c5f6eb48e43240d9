import { expect } from "bun:test";
import type { Run } from "@sate/contracts";
import { sqliteStore } from "../../src/adapters/store-sqlite.ts";
import { createCounters } from "../../src/counters.ts";
import { knownRequests } from "../../src/known-requests.ts";
import { Unavailable } from "../../src/ports.ts";
import { type Core, createCore, sweepsMax, wanted } from "../core.ts";
import { madeOutcome } from "../made.ts";
import { chaosStore } from "./chaos.ts";
import { createInvariants, maxFailures } from "./invariants.ts";
import { createRandom, type SeededRandom } from "./random.ts";

/** A boot of a fake processor. `held` is what it believes to run; it may be wrong. */
type Worker = { id: string; held: Run[]; lastClaim: Parameters<Core["commands"]["claim"]>[0] | null };
type Ref = { request_id: string; attempt: number; execution_id: string };

const outcomeKinds = ["succeeded", "failed", "failed", "dead_lettered", "cancelled"] as const;

/**
 * Two processes of the service on one database behind bad connections, a broker that comes and goes, and
 * processors that forget, repeat themselves, freeze and die: everything that can happen, in any order.
 */
export async function createWorld(seed: number) {
  const random = createRandom(seed);
  const odds = { lost: random.of([0, 0.02, 0.1]) ?? 0 };
  const store = sqliteStore({ path: ":memory:", counters: createCounters() });
  await store.open();
  const newCore = () => {
    const chaos = chaosStore(store, random, odds);
    const known = { ...chaos, requests: knownRequests(chaos.requests, { charsMax: 1_000 }) };
    return createCore({ store: known, random: random.next, newId: random.id });
  };
  const requestIds = Array.from({ length: 3 }, random.id);
  await store.requests.insert(requestIds.map((id) => ({ id, payloadJson: "1", creationDate: "" })));
  const invariants = createInvariants(store, requestIds);
  const cores = [newCore(), newCore()];
  const crashed: Core[] = [];
  const workers: Worker[] = [];
  const old: Run[] = [];

  const core = () => cores[random.below(cores.length)] as Core;
  const everyCore = () => [...cores, ...crashed];
  const published = () => everyCore().flatMap(({ publisher }) => publisher.records);
  /** Wake-ups as a consumer hears them: again and again, in any order. */
  const heard = (): Ref | undefined => {
    const message = JSON.parse(String(random.of(published())?.value ?? "null"));
    if (!message) return undefined;
    const { id, attempt, processing_request } = message.execution ?? message;
    return { request_id: processing_request.id, attempt, execution_id: id };
  };

  async function create(): Promise<void> {
    const requestId = random.of(requestIds) as string;
    const execution = wanted(requestId, { id: random.id(), max_failures: maxFailures });
    const executions = random.chance(0.2) ? [execution, execution] : [execution];
    for (const answer of (await core().commands.createExecutions({ executions })).answers) {
      if (answer.kind === "created") invariants.created(answer.execution.id, requestId);
      if (answer.kind === "exhausted") await invariants.exhausted(requestId);
    }
  }

  async function register(): Promise<void> {
    const worker = { id: random.id(), held: [], lastClaim: null };
    await core().commands.registerWorker({ worker_id: worker.id });
    workers.push(worker);
  }

  async function claim(worker: Worker): Promise<void> {
    const ids = { worker_id: worker.id, claim_id: random.id() };
    if (random.chance(0.3)) {
      const { runs } = await core().commands.claimAny({ ...ids, limit: 1 + random.below(2) });
      for (const run of runs) await hold(worker, run);
      return;
    }
    const refs = Array.from({ length: 1 + random.below(3) }, heard).flatMap((ref) => ref ?? []);
    const isRepeated = worker.lastClaim !== null && random.chance(0.3);
    const asked: Worker["lastClaim"] = isRepeated ? worker.lastClaim : { ...ids, executions: refs };
    worker.lastClaim = asked;
    if (!asked) return;
    for (const run of (await core().commands.claim(asked)).runs) await hold(worker, run);
  }

  async function hold(worker: Worker, run: Run): Promise<void> {
    await invariants.granted(worker.id, run);
    const isKnown = worker.held.some(
      ({ execution_id, epoch }) => execution_id === run.execution_id && epoch === run.epoch,
    );
    if (!isKnown) worker.held.push(run);
  }

  async function finish(worker: Worker): Promise<void> {
    // What somebody believed to hold long ago may come at any time.
    const run = random.chance(0.2) ? random.of(old) : random.of(worker.held);
    if (!run) return;
    const outcome = madeOutcome(random.of(outcomeKinds), { resultId: random.id() });
    const before = await store.executions.get([{ requestId: run.request_id, attempt: run.attempt }]);
    const [answer] = (await core().commands.finish({ runs: [{ ...run, outcome }] })).answers;
    if (answer?.kind !== "stored") return;
    expect(before[0]?.epoch, "the epoch of a finish that was taken").toBe(run.epoch);
    invariants.finished(run.execution_id, outcome.result_id);
    forget(worker, run);
  }

  function forget(worker: Worker, run: Run): void {
    old.push(run);
    worker.held = worker.held.filter((held) => held !== run);
  }

  async function beat(worker: Worker): Promise<void> {
    const heard = await core().commands.heartbeat({ worker_id: worker.id });
    if (heard.kind === "given_up") drop(worker);
  }

  function drop(worker: Worker): void {
    old.push(...worker.held);
    workers.splice(workers.indexOf(worker), 1);
  }

  async function handBack(worker: Worker): Promise<void> {
    const isLate = random.chance(0.3);
    const run = isLate ? random.of(old) : random.of(worker.held);
    if (!run) return;
    invariants.released(run);
    forget(worker, run);
    await core().commands.handBack({ runs: [run] });
  }

  async function cancel(): Promise<void> {
    const [execution] =
      (await store.executions.ofRequests([random.of(requestIds) as string])).values().next().value ?? [];
    if (!execution) return;
    await core().commands.cancelExecution({ request_id: execution.requestId, execution_id: execution.id });
  }

  async function sweep(one: Core): Promise<void> {
    await one.sweep().catch((error) => {
      one.watch.reset();
      throw error;
    });
  }

  /** The process is gone, with all that it had not published yet; another begins. */
  function crash(): void {
    const index = random.below(cores.length);
    const gone = cores[index] as Core;
    gone.publisher.mood = "away";
    gone.publisher.release();
    crashed.push(gone);
    cores[index] = newCore();
  }

  function mood(): void {
    const moods = ["well", "well", "away", "takes it and does not answer"] as const;
    core().publisher.mood = random.of(moods) ?? "well";
  }

  async function act(): Promise<void> {
    const worker = random.of(workers);
    const choice = random.next();
    if (choice < 0.15) return create();
    if (choice < 0.2 || !worker) return register();
    if (choice < 0.45) return claim(worker);
    if (choice < 0.65) return finish(worker);
    if (choice < 0.71) return beat(worker);
    if (choice < 0.75) return handBack(worker);
    if (choice < 0.79) return cancel();
    if (choice < 0.8) return void drop(worker); // it dies
    if (choice < 0.81) {
      drop(worker);
      await core().commands.endWorker({ worker_id: worker.id });
      return;
    }
    if (choice < 0.9) return sweep(core());
    if (choice < 0.95) return core().outbox.sweep();
    if (choice < 0.98) return mood();
    return crash();
  }

  const unlessLost = (error: unknown) => {
    if (!(error instanceof Unavailable)) throw error;
  };

  return {
    invariants,
    /** One to three things at once. */
    async step(): Promise<void> {
      const actions = Array.from({ length: 1 + random.below(3) }, () => act().catch(unlessLost));
      await Promise.all(actions);
      await invariants.check();
    },

    /** All is well again, and one good processor does what is left: then everything has ended and is published. */
    async heal(): Promise<void> {
      odds.lost = 0;
      for (const worker of [...workers]) drop(worker);
      for (const one of cores) one.publisher.mood = "well";
      const [one] = cores as [Core];
      const worker: Worker = { id: random.id(), held: [], lastClaim: null };
      await one.commands.registerWorker({ worker_id: worker.id });
      for (let round = 0; round <= sweepsMax + 2; round++) {
        await one.commands.heartbeat({ worker_id: worker.id });
        await sweep(one);
      }
      const { runs } = await one.commands.claimAny({
        worker_id: worker.id,
        claim_id: random.id(),
        limit: 64,
      });
      const outcome = () => madeOutcome("succeeded", { resultId: random.id() });
      await one.commands.finish({ runs: runs.map((run) => ({ ...run, outcome: outcome() })) });
      for (let round = 0; round < 3; round++) {
        await one.outbox.sweep();
        await one.outbox.flush();
      }
      const all = await invariants.check();
      expect(await store.outbox.marked({ limit: 100 }), "marks that are left").toEqual([]);
      for (const { id, outcome } of all) {
        const results = published().flatMap(({ value }) => {
          const message = JSON.parse(String(value));
          return message.execution?.id === id ? [message.id] : [];
        });
        expect([...new Set(results)], "the published results of an execution").toEqual([outcome?.result_id]);
      }
    },

    async end(): Promise<void> {
      for (const { outbox, publisher } of everyCore()) {
        publisher.release();
        await outbox.flush();
      }
      await store.close();
    },
    /** What happened: a model in which it never does proves nothing. */
    counts: () => everyCore().map(({ counters }) => counters.read()),
  };
}

export type World = Awaited<ReturnType<typeof createWorld>>;
export type { SeededRandom };

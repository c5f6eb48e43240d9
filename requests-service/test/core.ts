import { afterEach } from "bun:test";
import type { ExecutionKey, NewExecution, NewRequest, RequestsApi } from "@sate/contracts";
import { createCounters } from "@sate/contracts/runtime";
import { fakeLog } from "@sate/contracts/test/fakes/log.ts";
import { sqliteStore } from "../src/adapters/sqlite/store.ts";
import { executionCommands } from "../src/executions/commands.ts";
import { createAdmissions } from "../src/executions/create.ts";
import type { Execution } from "../src/executions/execution.ts";
import { findingCommands } from "../src/finding/commands.ts";
import { logCommands } from "../src/logs/commands.ts";
import { createConfirmRecorded } from "../src/outbox/confirm-recorded.ts";
import { createLookForResults } from "../src/outbox/confirm-results.ts";
import { createOutbox } from "../src/outbox/outbox.ts";
import { recordRefusalsCommand } from "../src/outbox/record-refusals.ts";
import type { Ports, Store } from "../src/ports.ts";
import { processorCommands } from "../src/processors/commands.ts";
import { cachedProcessors } from "../src/processors/known.ts";
import { createWithdrawals } from "../src/processors/withdraw.ts";
import { createAdmitRemovals } from "../src/removals/admit.ts";
import { removalCommands } from "../src/removals/commands.ts";
import { createRemoving } from "../src/removals/complete.ts";
import { createRetention } from "../src/removals/retention.ts";
import { createRemovalSweep } from "../src/removals/sweep.ts";
import { replayCommand } from "../src/replays/replay.ts";
import { requestCommands } from "../src/requests/commands.ts";
import { createStarts } from "../src/requests/starts.ts";
import { runCommands } from "../src/runs/commands.ts";
import { createDeadlineWatch, createEndOverdue } from "../src/runs/overdue.ts";
import { createRequeueRuns } from "../src/runs/requeue.ts";
import { scheduleCommands } from "../src/schedules/commands.ts";
import { createScheduleSweep } from "../src/schedules/sweep.ts";
import { createWaitingSweep } from "../src/waiting/sweep.ts";
import { createWebhooks } from "../src/webhooks/webhooks.ts";
import { workerCommands } from "../src/workers/commands.ts";
import { createLeaseExpiry, sweepWorkers } from "../src/workers/expire.ts";
import { sqliteFile } from "./adapters/sqlite/file.ts";
import { newId } from "./builders.ts";
import { fakeDeadLetters } from "./fakes/dead-letters.ts";
import { fakeProcessors } from "./fakes/processors.ts";
import { fakePublisher } from "./fakes/publisher.ts";
import { fakeResults } from "./fakes/results.ts";
import { fakeResultsRemoval } from "./fakes/results-removal.ts";

export const sweepsMax = 3;
export const lostMax = 3;
export const leaseMs = 30_000;

/** One process of the service without its sweeps and its HTTP server: tests call each part when they want. */
export function createCore(
  options: {
    store?: Store;
    random?: () => number;
    /** Whether admission knows the processors that workers announce; otherwise those of `processors`. */
    knowsAnnounced?: boolean;
    storesRecords?: boolean;
  } = {},
) {
  const counters = createCounters();
  /** The clock of the store, and the monotonic one of this process. */
  const time = { now: 1_700_000_000_000, monotonic: 0 };
  const given = options.store ?? openedStore(sqliteFile(), () => time.now);
  const publisher = fakePublisher();
  const results = fakeResults();
  const resultsRemoval = fakeResultsRemoval();
  const deadLetters = fakeDeadLetters();
  const processors = fakeProcessors();
  const log = fakeLog();
  const { random = () => 0 } = options;
  const outside: Ports = {
    store: given,
    publisher,
    results,
    resultsRemoval,
    deadLetters,
    clock: () => 0,
    newId,
    random,
    log,
    counters,
    fatal() {},
  };
  const webhooks = createWebhooks(outside, (body) => commands.createRequests(body));
  const { store } = webhooks;
  const ports: Ports = { ...outside, store };
  const outbox = createOutbox({ ...ports, random: Math.random });
  const requeueRuns = createRequeueRuns(ports, outbox, lostMax);
  const announced = cachedProcessors(store, () => time.monotonic);
  const withdrawals = createWithdrawals(ports, outbox, announced);
  const workerSweep = {
    leaseExpiry: createLeaseExpiry(sweepsMax),
    deadlines: createDeadlineWatch(() => time.monotonic),
    requeueRuns,
    endOverdue: createEndOverdue(ports, outbox),
  };
  const admitted = options.knowsAnnounced ? announced : processors;
  const admissions = createAdmissions(ports, outbox, admitted);
  const starts = createStarts(ports, admissions);
  const confirmRecorded = createConfirmRecorded(ports, webhooks);
  const admitRemovals = createAdmitRemovals(ports);
  const removing = createRemoving(ports, confirmRecorded);
  const commands: RequestsApi = {
    ...requestCommands(ports, starts, admitted),
    ...executionCommands(ports, outbox, admissions),
    ...findingCommands(ports, outbox),
    ...workerCommands(ports, announced, requeueRuns, leaseMs),
    ...runCommands(ports, outbox, requeueRuns),
    ...processorCommands(ports, announced, withdrawals),
    ...logCommands(ports),
    ...webhooks.commands,
    ...scheduleCommands(ports),
    ...removalCommands(ports, admitRemovals, removing.complete),
    recordRefusals: recordRefusalsCommand(ports, outbox),
    replayDeadLetters: replayCommand(ports, admissions, admitted, {
      storesRecords: options.storesRecords ?? false,
    }),
  };
  /** A stored request. */
  async function request(parts: Partial<NewRequest> = {}): Promise<NewRequest> {
    const request = { id: newId(), payload_json: '{"message":"ping"}', ...parts };
    await commands.createRequests({ requests: [request] });
    return request;
  }
  /** A queued execution of a request, a new one if none is given. */
  async function execution(request_id?: string, parts: Partial<NewExecution> = {}) {
    const execution = wanted(request_id ?? (await request()).id, parts);
    const [answer] = (await commands.createExecutions({ executions: [execution] })).answers;
    if (answer?.kind !== "created") throw new Error(`it was not created: ${answer?.kind}`);
    return answer.execution;
  }
  /** A registered worker that serves these processors. */
  async function worker(...names: string[]): Promise<string> {
    const worker_id = newId();
    const announced = names.map((name) => ({ name, kind: "module" as const, timeout_seconds: 300 }));
    await commands.registerWorker({ worker_id, processors: announced });
    return worker_id;
  }
  /** An execution that this worker runs, a new one if none is given. */
  async function run(worker_id: string, queued?: { id: string; request_id: string; attempt: number }) {
    const { id, request_id, attempt } = queued ?? (await execution());
    const executions = [{ request_id, attempt, execution_id: id }];
    const { runs } = await commands.claim({ worker_id, claim_id: newId(), executions });
    const [run] = runs;
    if (!run) throw new Error("it was not claimed");
    return run;
  }
  /** What is stored of an execution now. */
  async function stored(key: ExecutionKey): Promise<Execution> {
    const [execution] = await store.executions.get([key]);
    if (!execution) throw new Error("it is not stored");
    return execution;
  }
  return {
    ...{
      ports,
      store,
      publisher,
      results,
      deadLetters,
      processors,
      log,
      counters,
      outbox,
      requeueRuns,
      commands,
    },
    ...{ time, workerSweep, announced, withdrawals, starts, webhooks },
    ...{ request, execution, worker, run, stored },
    look: createLookForResults(ports, confirmRecorded),
    ...{ resultsRemoval, removing },
    sweepRemovals: createRemovalSweep(ports, removing),
    retention: createRetention(ports, { admit: admitRemovals, removing }),
    sweep: () => sweepWorkers(ports, workerSweep),
    sweepSchedules: (stopping = new AbortController().signal) =>
      createScheduleSweep(ports, commands.createRequests)(stopping),
    sweepWaiting: (stopping = new AbortController().signal) => createWaitingSweep(ports, outbox)(stopping),
  };
}

/** A store in memory, open. */
export function openedStore(file = sqliteFile(), clock?: () => number): Store {
  const store = sqliteStore(file, clock);
  void store.open();
  return store;
}

export type Core = ReturnType<typeof createCore>;

const cores: Core[] = [];
afterEach(async () => {
  for (const { outbox, publisher, store } of cores.splice(0)) {
    publisher.release();
    await outbox.flush();
    await store.close();
  }
});

/** A core that ends with its test. */
export function testCore(options: Parameters<typeof createCore>[0] = {}): Core {
  const core = createCore(options);
  cores.push(core);
  return core;
}

/** Does `work` before the next call of this method, between what its caller has read and what it writes. */
export function beforeNext<P extends object, N extends keyof P>(
  port: P,
  name: N,
  work: () => Promise<unknown>,
): void {
  const call = port[name] as (...args: unknown[]) => unknown;
  port[name] = (async (...args: unknown[]) => {
    port[name] = call as P[N];
    await work();
    return call(...args);
  }) as P[N];
}

export function wanted(request_id: string, parts: Partial<NewExecution> = {}): NewExecution {
  return { id: newId(), request_id, force_error: false, max_failures: 3, ...parts };
}

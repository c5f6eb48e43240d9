import { type RequestsApi, requestsApi } from "@sate/contracts";
import { createApp } from "./app.ts";
import { executionCommands } from "./commands-executions.ts";
import { requestCommands } from "./commands-requests.ts";
import { runCommands } from "./commands-runs.ts";
import { createConfirmation } from "./confirmation.ts";
import type { Counters } from "./counters.ts";
import { createGate } from "./gate.ts";
import { createHealth } from "./health.ts";
import { inTime } from "./in-time.ts";
import { knownRequests } from "./known-requests.ts";
import { errorFields, type Log } from "./log.ts";
import { createLoop } from "./loop.ts";
import { createOutbox } from "./outbox.ts";
import type { Clock, Publisher, Random, Results, Store } from "./ports.ts";
import { createPutBack } from "./put-back.ts";
import { recordRefusalsCommand } from "./record-refusals.ts";
import { recoverAll, sweepWorkers } from "./sweep.ts";
import { createWorkerWatch } from "./worker-watch.ts";

export { Unavailable } from "./ports.ts";

export type Config = {
  serviceToken: string;
  /** How long a silent processor keeps its executions. */
  leaseMs: number;
  /** An execution whose runs were lost this often is dead-lettered. */
  lostMax: number;
  /** How long an outcome that was published may be without its result; then it is published again. */
  confirmMs: number;
  /** Nobody else can be alive on this database: what runs at the start was left by a crash and is put back at once. */
  exclusive: boolean;
};

export type Ports = {
  store: Store;
  publisher: Publisher;
  results: Results;
  clock: Clock;
  newId: () => string;
  /** Spreads idle processors over the queue, and the looks of several processes over time. */
  random?: Random;
  log: Log;
  counters: Counters;
  /** A loop ended unexpectedly: the process must not go on as if it were well. */
  fatal: (what: string, error: unknown) => void;
};

/** A worker is given up after this many sweeps without a heartbeat; a lease is that many sweeps long. */
const sweepsPerLease = 10;
/** Marks of the outbox that two sweeps have seen are published by the second. */
const outboxSweepMs = 2_000;
const pingMs = 2_000;
/** Of a stop: four steps, so that the whole takes less than SHUTDOWN_SECONDS's default. */
const stopStepMs = 2_000;

/** Payloads of the latest requests are kept in memory: most are asked for within seconds of their creation. */
const knownCharsMax = 32 * 1024 * 1024;

const storeAway = "The Requests DB does not answer.";
const brokerAway = "The broker does not answer.";

/**
 * The owner of the Requests DB. `commands` is its internal API as functions; `app` the same over HTTP.
 * `start` resolves when the service is ready, however long its dependencies take; `stop` is safe at any
 * time, and twice. `complaints` says, a sentence each, why it is not ready.
 */
export function createRequestsService(ports: Ports, config: Config) {
  const { store, publisher, results, clock, newId, random = Math.random, log, counters, fatal } = ports;
  const known = { ...store, requests: knownRequests(store.requests, { charsMax: knownCharsMax }) };
  let state: "new" | "starting" | "running" | "stopped" = "new";
  let stopped: Promise<void> | null = null;
  const stopping = new AbortController();
  const health = createHealth(log);

  const outbox = createOutbox({ store: known, publisher, counters, log });
  const putBack = createPutBack({ store: known, outbox, counters, clock, newId, lostMax: config.lostMax });
  const watch = createWorkerWatch(sweepsPerLease);
  const confirmation = createConfirmation({ store, results, counters });
  const gate = createGate<RequestsApi>({
    ...requestCommands(known, clock),
    ...executionCommands({ store: known, outbox, clock, newId }),
    ...runCommands({ store: known, putBack, random, counters }),
    recordRefusals: recordRefusalsCommand({ store: known, outbox, counters, clock }),
  });
  const { commands } = gate;
  let app: ReturnType<typeof createApp> | null = null;

  const sweepWorkersTurn = async () => {
    const work = () => sweepWorkers({ store, watch, putBack, counters, log });
    if (!(await health.turn("worker sweep", work, storeAway))) watch.reset();
  };
  const sweepOutboxTurn = async () => {
    await health.turn("outbox sweep", outbox.sweep, "The outbox cannot be published.");
  };
  /** No complaint if it fails: nobody waits for it, and the next look does what this one did not. */
  const confirmTurn = async () => {
    await confirmation.look(stopping.signal).catch((error) => {
      counters.add("confirm_looks_failed");
      log.warn("could not see whether results are recorded; the next look will", errorFields(error));
    });
  };
  const pingTurn = async () => {
    await Promise.all([
      health.turn("store", store.ping, storeAway),
      health.turn("publisher", publisher.ping, brokerAway),
    ]);
  };
  const loops = [
    { name: "sweep of the workers", pauseMs: config.leaseMs / sweepsPerLease, turn: sweepWorkersTurn },
    { name: "sweep of the outbox", pauseMs: outboxSweepMs, turn: sweepOutboxTurn },
    // Each process at a pace of its own, so that they do not all look at the same moment.
    { name: "look for results", pauseMs: config.confirmMs * (0.75 + random() / 2), turn: confirmTurn },
    { name: "ping of the dependencies", pauseMs: pingMs, turn: pingTurn },
  ].map((loop) => createLoop({ ...loop, fatal }));

  return {
    commands,

    /** Made when it is asked for: whoever calls the commands as functions needs no HTTP. */
    get app() {
      app ??= createApp(requestsApi, commands, {
        serviceToken: config.serviceToken,
        complaints,
        counters,
        log,
      });
      return app;
    },

    complaints,

    async start(): Promise<void> {
      if (state !== "new") return;
      state = "starting";
      await Promise.all([startOnStore(), startOnBroker()]);
      if (state === "starting") state = "running";
    },

    stop(): Promise<void> {
      state = "stopped";
      stopped ??= stopAll();
      return stopped;
    },
  };

  /** Executions are accepted without the broker, so the loops run while it is waited for. */
  async function startOnStore(): Promise<void> {
    await health.insist("store", store.open, storeAway, stopping.signal);
    if (config.exclusive) {
      await health.insist("recovery", () => recoverAll(store, putBack), storeAway, stopping.signal);
    }
    if (state === "starting") for (const loop of loops) loop.start();
  }

  async function startOnBroker(): Promise<void> {
    await health.insist("publisher", publisher.open, brokerAway, stopping.signal);
  }

  /**
   * Every step has its deadline, for what it waits for may never answer, and nothing is lost that it leaves
   * undone: what is decided stands in the database with its mark.
   */
  async function stopAll(): Promise<void> {
    stopping.abort();
    const steps: [string, () => Promise<unknown>][] = [
      ["commands under way", gate.close],
      ["loops", () => Promise.all(loops.map((loop) => loop.stop()))],
      ["outbox", outbox.flush],
      ["connections", () => Promise.all([publisher.close(), store.close()])],
    ];
    for (const [step, work] of steps) {
      await inTime(work(), stopStepMs).catch((error) => {
        log.warn("a part did not stop in time", { part: step, ...errorFields(error) });
      });
    }
  }

  function complaints(): string[] {
    if (state === "stopped") return ["It is stopping."];
    const all = [...health.complaints(), ...loops.flatMap((loop) => loop.complaint() ?? [])];
    return state === "running" ? all : ["It is starting.", ...all];
  }
}

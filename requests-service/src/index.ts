import { type RequestsApi, requestsApi } from "@sate/contracts";
import { executionCommands } from "./commands-executions.ts";
import { requestCommands } from "./commands-requests.ts";
import { runCommands } from "./commands-runs.ts";
import { createConfirmation } from "./confirmation.ts";
import { knownRequests } from "./known-requests.ts";
import { createOutbox } from "./outbox.ts";
import type { Clock, Publisher, Random, Results, Store } from "./ports.ts";
import { createPutBack } from "./put-back.ts";
import { recordRefusalsCommand } from "./record-refusals.ts";
import { commandRoutes } from "./runtime/command-routes.ts";
import { inTime } from "./runtime/deadline.ts";
import { createInternalApp } from "./runtime/internal-app.ts";
import { type Attempt, createLifecycle } from "./runtime/lifecycle.ts";
import { errorFields, type Log } from "./runtime/log.ts";
import type { Counters } from "./runtime/metrics.ts";
import { periodic } from "./runtime/periodic.ts";
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
/** Of a stop: three steps, so that the whole takes less than SHUTDOWN_SECONDS's default. */
const stopStepMs = 2_000;

/** Payloads of the latest requests are kept in memory: most are asked for within seconds of their creation. */
const knownCharsMax = 32 * 1024 * 1024;

const storeAway = "The Requests DB does not answer.";
const brokerAway = "The broker does not answer.";

/**
 * The owner of the Requests DB. `commands` is its internal API as functions; `app` the same over HTTP.
 * `start` resolves when the service is ready, however long its dependencies take; `stop` is safe at any
 * time, and twice, once nothing calls the commands any more. `notReadyReasons` says why it is not ready.
 */
export function createRequestsService(ports: Ports, config: Config) {
  const { store, publisher, results, clock, newId, random = Math.random, log, counters, fatal } = ports;
  const known = { ...store, requests: knownRequests(store.requests, { charsMax: knownCharsMax }) };
  const outbox = createOutbox({ store: known, publisher, counters, log });
  const putBack = createPutBack({ store: known, outbox, counters, clock, newId, lostMax: config.lostMax });
  const watch = createWorkerWatch(sweepsPerLease);
  const confirmation = createConfirmation({ store, results, counters });
  const commands: RequestsApi = {
    ...requestCommands(known, clock),
    ...executionCommands({ store: known, outbox, clock, newId }),
    ...runCommands({ store: known, putBack, random, counters }),
    recordRefusals: recordRefusalsCommand({ store: known, outbox, counters, clock }),
  };
  let app: ReturnType<typeof createInternalApp> | null = null;

  const lifecycle = createLifecycle({
    log,
    dependencies: [
      { name: "store", probe: store.ping, reason: storeAway },
      { name: "publisher", probe: publisher.ping, reason: brokerAway },
    ],
    // Executions are accepted without the broker, so the sweeps begin while it is waited for.
    onStart: (connect) => Promise.all([startOnStore(connect), startOnBroker(connect)]),
    onStop: stopAll,
  });
  const { attempt, stopping, notReadyReasons, start, stop } = lifecycle;

  async function sweepAllWorkers(): Promise<void> {
    const work = () => sweepWorkers({ store, watch, putBack, counters, log });
    if (!(await attempt("worker sweep", work, storeAway))) watch.reset();
  }
  /** It keeps nothing from being ready: nobody waits for it, and the next look does what this one did not. */
  async function lookForResults(): Promise<void> {
    await confirmation.look(stopping).catch((error) => {
      counters.add("confirm_looks_failed");
      log.warn("could not see whether results are recorded; the next look will", errorFields(error));
    });
  }
  const sweeps = [
    { name: "sweep of the workers", pauseMs: config.leaseMs / sweepsPerLease, work: sweepAllWorkers },
    {
      name: "sweep of the outbox",
      pauseMs: outboxSweepMs,
      work: () => attempt("outbox sweep", outbox.sweep, "The outbox cannot be published."),
    },
    // Each process at a pace of its own, so that they do not all look at the same moment.
    { name: "look for results", pauseMs: config.confirmMs * (0.75 + random() / 2), work: lookForResults },
  ].map((task) => periodic({ ...task, fatal }));

  return {
    commands,
    notReadyReasons,
    start,
    stop,

    /** Made when it is asked for: whoever calls the commands as functions needs no HTTP. */
    get app() {
      const { serviceToken } = config;
      const routes = commandRoutes(requestsApi, commands);
      app ??= createInternalApp({ serviceToken, notReadyReasons, counters, log, routes });
      return app;
    },
  };

  async function startOnStore(connect: Attempt<void>): Promise<void> {
    await connect("store", store.open, storeAway);
    if (config.exclusive) await connect("recovery", () => recoverAll(store, putBack), storeAway);
    if (!stopping.aborted) for (const sweep of sweeps) sweep.start();
  }

  async function startOnBroker(connect: Attempt<void>): Promise<void> {
    await connect("publisher", publisher.open, brokerAway);
  }

  /**
   * Every step has its deadline, for what it waits for may never answer, and nothing is lost that it leaves
   * undone: what is decided stands in the database with its mark.
   */
  async function stopAll(): Promise<void> {
    const steps: [string, () => Promise<unknown>][] = [
      ["sweeps", () => Promise.all(sweeps.map((sweep) => sweep.stop()))],
      ["outbox", outbox.flush],
      ["connections", () => Promise.all([publisher.close(), store.close()])],
    ];
    for (const [step, work] of steps) {
      await inTime(work(), stopStepMs).catch((error) => {
        log.warn("a part did not stop in time", { part: step, ...errorFields(error) });
      });
    }
  }
}

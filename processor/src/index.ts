import type { ExecutionRef, Run } from "@sate/contracts";
import { createAnnouncer } from "./announcer.ts";
import { createFinisher } from "./finisher.ts";
import { createIntake } from "./intake.ts";
import { type Consumer, type Handlers, type Publisher, type Requests, Unavailable } from "./ports.ts";
import { createRecords } from "./records.ts";
import { createRuns } from "./runs.ts";
import { createInternalApp } from "./runtime/internal-app.ts";
import { type Attempt, createLifecycle } from "./runtime/lifecycle.ts";
import type { Log } from "./runtime/log.ts";
import type { Counters } from "./runtime/metrics.ts";
import { periodic } from "./runtime/periodic.ts";
import { shutDown } from "./shutdown.ts";
import type { Time } from "./time.ts";
import { beatsPerLease, createWorker } from "./worker.ts";

export { loadModules } from "./handlers/modules.ts";
export { simulation } from "./handlers/simulation.ts";
export type { Consumer, Handler, HandlerEnd, HandlerRun, Handlers, Publisher, Requests } from "./ports.ts";
export { Unavailable } from "./ports.ts";
export { systemTime, type Time } from "./time.ts";

export type Config = {
  serviceToken: string;
  /** How long the sweepers of requests-service leave a silent worker its executions; theirs is the same. */
  leaseMs: number;
  /** Handlers that run at once. */
  concurrency: number;
  /** The deadline of a run. */
  executionMs: number;
  /** The time that `stop` may take. */
  shutdownMs: number;
};

export type Ports = {
  requests: Requests;
  consumer: Consumer;
  publisher: Publisher;
  handlers: Handlers;
  time: Time;
  newId: () => string;
  /** From 0 to 1: spreads retries and questions of many processors. */
  random: () => number;
  log: Log;
  counters: Counters;
  /** A loop ended unexpectedly: the process must not go on as if it were well. */
  fatal: (what: string, error: unknown) => void;
};

/** How often the intake looks for pauses that are over and for executions that nobody heard of. */
const intakeMs = 200;
/** A frozen process must notice an expired lease within a second of waking. */
const expiryMsMost = 250;

const requestsAway = "requests-service does not answer.";
const brokerAway = "The broker does not answer.";

/**
 * The processor: hears of executions, claims what it has room for, runs the handlers, finishes, publishes.
 * Kafka wakes it, requests-service decides. `start` resolves when it is ready, however long its dependencies
 * take; work begins as soon as requests-service answers. `stop` is safe at any time, and twice.
 * `notReadyReasons` says why it is not ready.
 */
export function createProcessor(ports: Ports, config: Config) {
  const { requests, consumer, publisher, log, counters, time, fatal } = ports;
  const { leaseMs, serviceToken } = config;
  let app: ReturnType<typeof createInternalApp> | null = null;

  const isCurrent = (workerId: string) => worker.id() === workerId;
  const announcer = createAnnouncer({ requests, publisher, time, counters, log });
  const finisher = createFinisher({ ...ports, isCurrent });
  const runs = createRuns({
    ...ports,
    ...config,
    isCurrent,
    finish: finisher.finish,
    announce: announcer.announce,
    onRoom: () => intake.wake(),
  });
  const intake = createIntake({
    ...ports,
    workerId: () => worker.id(),
    room: runs.room,
    start: (run: Run, workerId: string) => runs.start(run, workerId),
  });
  const worker = createWorker({
    ...ports,
    runs,
    claimUnderWay: () => intake.claimUnderWay(),
    onRegistered: () => intake.wake(),
    leaseMs,
  });
  const records = createRecords({
    publisher,
    hear: (refs: ExecutionRef[]) => intake.hear(refs),
    counters,
    log,
  });

  const lifecycle = createLifecycle({
    log,
    // Whether requests-service responds is known from the heartbeats.
    dependencies: [{ name: "publisher", probe: publisher.ping, reason: brokerAway }],
    onStart: begin,
    onStop: () => shutDown({ ...ports, intake, runs, finisher, worker, announcer, tasks }, config.shutdownMs),
    reasons: () => [...tasks.flatMap((task) => task.hangs()), ...[consumer.complaint() ?? []].flat()],
  });
  const { attempt, stopping, notReadyReasons, start, stop } = lifecycle;

  const tasks = [
    {
      name: "heartbeat",
      pauseMs: leaseMs / beatsPerLease,
      work: () => attempt("requests-service", worker.turn, requestsAway),
    },
    {
      name: "watch over the lease",
      pauseMs: Math.min(leaseMs / 20, expiryMsMost),
      work: async () => worker.expire(),
    },
    { name: "intake", pauseMs: intakeMs, work: async () => intake.tick() },
  ].map((task) => periodic({ ...task, fatal }));

  async function begin(connect: Attempt<void>): Promise<void> {
    // Executions are run without the broker, so the tasks go on while it is waited for.
    const registration = connect("requests-service", worker.turn, requestsAway).then(() => {
      if (!stopping.aborted) for (const task of tasks) task.start();
    });
    await connect("publisher", publisher.open, brokerAway);
    await connect("consumer", () => consumer.start(records), whyNotJoined);
    await registration;
  }

  return {
    notReadyReasons,
    start,
    stop,

    /** Made when it is asked for: in standalone nobody opens this door. */
    get app() {
      app ??= createInternalApp({ serviceToken, notReadyReasons, counters, log });
      return app;
    },
  };
}

function whyNotJoined(error: unknown): string {
  return error instanceof Unavailable ? error.message : "The consumer cannot join its group.";
}

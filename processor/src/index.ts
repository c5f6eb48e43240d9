import type { ExecutionRef, Run } from "@sate/contracts";
import { createAnnouncer } from "./announcer.ts";
import { createApp } from "./app.ts";
import type { Counters } from "./counters.ts";
import { createFinisher } from "./finisher.ts";
import { createHealth } from "./health.ts";
import { createIntake } from "./intake.ts";
import type { Log } from "./log.ts";
import { createLoop } from "./loop.ts";
import { type Consumer, type Handlers, type Publisher, type Requests, Unavailable } from "./ports.ts";
import { createRecords } from "./records.ts";
import { createRuns } from "./runs.ts";
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

const pingMs = 2_000;
/** How often the intake looks for pauses that are over and for executions that nobody heard of. */
const intakeMs = 200;
/** A frozen process must notice an expired lease within a second of waking. */
const expiryMsMost = 250;

/**
 * The processor: hears of executions, claims what it has room for, runs the handlers, finishes, publishes.
 * Kafka wakes it, requests-service decides. `start` resolves when it is ready, however long its dependencies
 * take; work begins as soon as requests-service answers. `stop` is safe at any time, and twice. `complaints`
 * says, a sentence each, why it is not ready.
 */
export function createProcessor(ports: Ports, config: Config) {
  const { requests, consumer, publisher, log, counters, time, fatal } = ports;
  const { leaseMs, serviceToken } = config;
  let state: "new" | "starting" | "running" = "new";
  let stopped: Promise<void> | null = null;
  const stopping = new AbortController();
  const health = createHealth(log);
  let app: ReturnType<typeof createApp> | null = null;

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

  const beatTurn = () => health.turn("requests-service", worker.turn, "requests-service does not answer.");
  const pingTurn = () => health.turn("publisher", publisher.ping, "The broker does not answer.");
  const loops = [
    { name: "heartbeat", pauseMs: leaseMs / beatsPerLease, turn: beatTurn },
    {
      name: "watch over the lease",
      pauseMs: Math.min(leaseMs / 20, expiryMsMost),
      turn: async () => worker.expire(),
    },
    { name: "intake", pauseMs: intakeMs, turn: async () => intake.tick() },
    { name: "ping of the broker", pauseMs: pingMs, turn: pingTurn },
  ].map((loop) => createLoop({ ...loop, fatal }));

  return {
    /** Made when it is asked for: in standalone nobody opens this door. */
    get app() {
      app ??= createApp({ serviceToken, complaints, counters, log });
      return app;
    },

    complaints,

    async start(): Promise<void> {
      if (state !== "new" || stopped !== null) return;
      state = "starting";
      const { signal } = stopping;
      // Executions are run without the broker, so the loops go on while it is waited for.
      const registration = health
        .insist("requests-service", worker.turn, "requests-service does not answer.", signal)
        .then(() => {
          if (!signal.aborted) for (const loop of loops) loop.start();
        });
      await health.insist("publisher", publisher.open, "The broker does not answer.", signal);
      const join = () => consumer.start(records);
      await health.insist("consumer", join, whyNotJoined, signal);
      await registration;
      if (!signal.aborted) state = "running";
    },

    stop(): Promise<void> {
      stopping.abort();
      stopped ??= shutDown({ ...ports, intake, runs, finisher, worker, announcer, loops }, config.shutdownMs);
      return stopped;
    },
  };

  function complaints(): string[] {
    if (stopped !== null) return ["It is stopping."];
    const all = [...health.complaints(), ...loops.flatMap((loop) => loop.complaint() ?? [])];
    if (state !== "running") return ["It is starting.", ...all];
    return [...all, ...[consumer.complaint() ?? []].flat()];
  }
}

function whyNotJoined(error: unknown): string {
  return error instanceof Unavailable ? error.message : "The consumer cannot join its group.";
}

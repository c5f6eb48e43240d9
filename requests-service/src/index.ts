import type { RequestsApi } from "@sate/contracts";
import { createApp } from "./app.ts";
import { executionCommands } from "./commands-executions.ts";
import { requestCommands } from "./commands-requests.ts";
import { runCommands } from "./commands-runs.ts";
import type { Counters } from "./counters.ts";
import { createHealth } from "./health.ts";
import type { Log } from "./log.ts";
import { createLoop } from "./loop.ts";
import { createOutbox } from "./outbox.ts";
import type { Clock, Publisher, Store } from "./ports.ts";
import { createPutBack } from "./put-back.ts";
import { recoverAll, sweepWorkers } from "./sweep.ts";
import { createWorkerWatch } from "./worker-watch.ts";

export type Config = {
  serviceToken: string;
  /** How long a silent processor keeps its executions. */
  leaseMs: number;
  /** An execution whose runs were lost this often is dead-lettered. */
  lostMax: number;
  /** Nobody else can be alive on this database: what runs at the start was left by a crash and is put back at once. */
  exclusive: boolean;
};

export type Ports = {
  store: Store;
  publisher: Publisher;
  clock: Clock;
  newId: () => string;
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

/**
 * The owner of the Requests DB. `commands` is its internal API as functions; `app` the same over HTTP.
 * `start` resolves when the service is ready, however long its dependencies take; `stop` is safe at any
 * time, and twice. `complaints` says, a sentence each, why it is not ready.
 */
export function createRequestsService(ports: Ports, config: Config) {
  const { store, publisher, clock, newId, log, counters, fatal } = ports;
  let state: "new" | "starting" | "running" | "stopped" = "new";
  const stopping = new AbortController();
  const health = createHealth(log);

  const outbox = createOutbox({ store, publisher, counters, log });
  const putBack = createPutBack({ store, outbox, counters, clock, newId, lostMax: config.lostMax });
  const watch = createWorkerWatch(sweepsPerLease);
  const commands: RequestsApi = {
    ...requestCommands(store, clock),
    ...executionCommands({ store, outbox, clock, newId }),
    ...runCommands({ store, putBack, counters }),
  };

  const sweepWorkersTurn = async () => {
    const work = () => sweepWorkers({ store, watch, putBack, counters, log });
    if (!(await health.turn("worker sweep", work, "The Requests DB does not answer."))) watch.reset();
  };
  const sweepOutboxTurn = async () => {
    await health.turn("outbox sweep", outbox.sweep, "The outbox cannot be published.");
  };
  const pingTurn = async () => {
    await Promise.all([
      health.turn("store", store.ping, "The Requests DB does not answer."),
      health.turn("publisher", publisher.ping, "The broker does not answer."),
    ]);
  };
  const loops = [
    { name: "sweep of the workers", pauseMs: config.leaseMs / sweepsPerLease, turn: sweepWorkersTurn },
    { name: "sweep of the outbox", pauseMs: outboxSweepMs, turn: sweepOutboxTurn },
    { name: "ping of the dependencies", pauseMs: pingMs, turn: pingTurn },
  ].map((loop) => createLoop({ ...loop, fatal }));

  return {
    commands,

    app: createApp(commands, { serviceToken: config.serviceToken, complaints, counters, log }),

    complaints,

    async start(): Promise<void> {
      if (state !== "new") return;
      state = "starting";
      const { signal } = stopping;
      await health.insist("store", store.open, "The Requests DB does not answer.", signal);
      if (config.exclusive) {
        const recover = () => recoverAll(store, putBack);
        await health.insist("recovery", recover, "The Requests DB does not answer.", signal);
      }
      // Executions are accepted without the broker, so the loops run while it is waited for.
      if (state === "starting") for (const loop of loops) loop.start();
      await health.insist("publisher", publisher.open, "The broker does not answer.", signal);
      if (state === "starting") state = "running";
    },

    async stop(): Promise<void> {
      if (state === "stopped") return;
      state = "stopped";
      stopping.abort();
      await Promise.all(loops.map((loop) => loop.stop()));
      await outbox.flush();
      await publisher.close();
      await store.close();
    },
  };

  function complaints(): string[] {
    if (state === "stopped") return ["It is stopping."];
    const all = [...health.complaints(), ...loops.flatMap((loop) => loop.complaint() ?? [])];
    return state === "running" ? all : ["It is starting.", ...all];
  }
}

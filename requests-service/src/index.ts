import type { RequestsApi } from "@sate/contracts";
import { createApp } from "./app.ts";
import { executionCommands } from "./commands-executions.ts";
import { requestCommands } from "./commands-requests.ts";
import { runCommands } from "./commands-runs.ts";
import type { Counters } from "./counters.ts";
import { errorFields, type Log } from "./log.ts";
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
const retryMs = { first: 100, most: 5_000 };

/**
 * The owner of the Requests DB. `commands` is its internal API as functions; `app` the same over HTTP.
 * `start` resolves when the service is ready, however long its dependencies take; `stop` is safe at any
 * time, and twice. `complaints` says, a sentence each, why it is not ready.
 */
export function createRequestsService(ports: Ports, config: Config) {
  const { store, publisher, clock, newId, log, counters, fatal } = ports;
  let state: "new" | "starting" | "running" | "stopped" = "new";
  const ill = new Map<string, string>();

  const outbox = createOutbox({ store, publisher, counters, log });
  const putBack = createPutBack({ store, outbox, counters, clock, newId, lostMax: config.lostMax });
  const watch = createWorkerWatch(sweepsPerLease);
  const commands: RequestsApi = {
    ...requestCommands(store, clock),
    ...executionCommands({ store, outbox, clock, newId }),
    ...runCommands({ store, putBack, counters }),
  };

  /** An expected failure of a loop's turn is a complaint until the next turn that works. */
  async function turn(name: string, work: () => Promise<void>, sentence: string): Promise<boolean> {
    try {
      await work();
      if (ill.delete(name)) log.info("well again", { part: name });
      return true;
    } catch (error) {
      if (!ill.has(name)) log.warn(sentence, errorFields(error));
      ill.set(name, sentence);
      return false;
    }
  }

  const sweepWorkersTurn = async () => {
    const work = () => sweepWorkers({ store, watch, putBack, counters, log });
    if (!(await turn("worker sweep", work, "The Requests DB does not answer."))) watch.reset();
  };
  const sweepOutboxTurn = async () => {
    await turn("outbox sweep", outbox.sweep, "The outbox cannot be published.");
  };
  const pingTurn = async () => {
    await Promise.all([
      turn("store", store.ping, "The Requests DB does not answer."),
      turn("publisher", publisher.ping, "The broker does not answer."),
    ]);
  };
  const loops = [
    createLoop(config.leaseMs / sweepsPerLease, sweepWorkersTurn, (error) => fatal("the worker sweep", error)),
    createLoop(outboxSweepMs, sweepOutboxTurn, (error) => fatal("the outbox sweep", error)),
    createLoop(pingMs, pingTurn, (error) => fatal("the ping", error)),
  ];

  /** Tries until it works or the service stops. */
  async function insist(name: string, work: () => Promise<void>, sentence: string): Promise<void> {
    let pauseMs = retryMs.first;
    while (state === "starting" && !(await turn(name, work, sentence))) {
      await Bun.sleep(pauseMs * (0.5 + Math.random() / 2));
      pauseMs = Math.min(pauseMs * 2, retryMs.most);
    }
  }

  return {
    commands,

    app: createApp(commands, { serviceToken: config.serviceToken, complaints, counters, log }),

    complaints,

    async start(): Promise<void> {
      if (state !== "new") return;
      state = "starting";
      await insist("store", store.open, "The Requests DB does not answer.");
      if (config.exclusive) {
        await insist("recovery", () => recoverAll(store, putBack), "The Requests DB does not answer.");
      }
      // Executions are accepted without the broker, so the loops run while it is waited for.
      if (state === "starting") for (const loop of loops) loop.start();
      await insist("publisher", publisher.open, "The broker does not answer.");
      if (state === "starting") state = "running";
    },

    async stop(): Promise<void> {
      if (state === "stopped") return;
      state = "stopped";
      await Promise.all(loops.map((loop) => loop.stop()));
      await outbox.flush();
      await publisher.close();
      await store.close();
    },
  };

  function complaints(): string[] {
    if (state === "new" || state === "starting") return ["It is starting.", ...ill.values()];
    if (state === "stopped") return ["It is stopping."];
    return [...new Set(ill.values())];
  }
}

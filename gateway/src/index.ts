import type { ApiKey } from "./api-keys.ts";
import { createApp } from "./app.ts";
import { createAttemptLimit } from "./attempt-limit.ts";
import { createBatches } from "./batches.ts";
import { boundedReads } from "./bounded-reads.ts";
import type { Counters } from "./counters.ts";
import { createDoor } from "./door.ts";
import { createHealth } from "./health.ts";
import type { Log } from "./log.ts";
import { createLoop } from "./loop.ts";
import type { Monotonic, Requests, Results } from "./ports.ts";
import { createStartExecution } from "./start-execution.ts";

export { accessProblems, accessSettings, loadAccess } from "./access-settings.ts";
export type { ApiKey } from "./api-keys.ts";
export { Unavailable } from "./ports.ts";

export type Config = {
  /** So many failed executions of a request, and no further one is admitted. */
  maxFailures: number;
  /** Bytes of the largest body that is accepted. */
  bodyBytesMax: number;
  /** Whose keys let in whom; without any, whoever reaches the gateway may do everything. */
  apiKeys?: readonly ApiKey[];
  /** With keys, this too may ask /ready. */
  serviceToken?: string;
};

export type Ports = {
  requests: Requests;
  results: Results;
  /** In one process with other services: why those are not ready. */
  othersComplaints?: () => string[];
  monotonic: Monotonic;
  newId: () => string;
  log: Log;
  counters: Counters;
  /** A loop ended unexpectedly: the process must not go on as if it were well. */
  fatal: (what: string, error: unknown) => void;
};

/**
 * What the HTTP server must let through: the door itself stops reading a body that is too large, and answers
 * with a problem; the server would answer with nothing but a status.
 */
export const serverBodyBytesMax = Number.MAX_SAFE_INTEGER;

const pingMs = 2_000;
/** What is under way at a stop is waited for so long. */
const drainMs = 4_000;
/** Looking for this costs its owner one look into an index, and shows that its database answers. */
const nobody = "00000000-0000-0000-0000-000000000000";

/**
 * The one public door. `app` is its HTTP face. `start` resolves when the gateway is ready, however long its
 * dependencies take; it answers before that, as well as they let it. `stop` is safe at any time, and twice.
 * `complaints` says, a sentence each, why it is not ready.
 */
export function createGateway(ports: Ports, config: Config) {
  const { monotonic, newId, log, counters, fatal } = ports;
  let state: "new" | "starting" | "running" | "stopped" = "new";
  const stopping = new AbortController();
  const health = createHealth(log);

  const door = createDoor(config);
  const batches = createBatches(ports.requests, config);
  const reads = boundedReads(ports);
  const startExecution = createStartExecution({
    createExecution: batches.createExecution,
    recordRefusal: batches.recordRefusal,
    attemptLimit: createAttemptLimit(),
    counters,
    monotonic,
    newId,
    maxFailures: config.maxFailures,
  });

  const dependencies = [
    {
      part: "requests-service",
      ping: () => ports.requests.getRequest({ request_id: nobody }),
      complaint: "requests-service does not answer.",
    },
    {
      part: "results-service",
      ping: () => ports.results.resultsOfExecution({ request_id: nobody, execution_id: nobody }),
      complaint: "results-service does not answer.",
    },
  ];
  const pings = createLoop({
    name: "ping of the dependencies",
    pauseMs: pingMs,
    turn: () =>
      Promise.all(dependencies.map(({ part, ping, complaint }) => health.turn(part, ping, complaint))),
    fatal,
  });

  return {
    app: createApp({
      ...reads,
      door,
      createRequest: batches.createRequest,
      startExecution,
      newId,
      complaints,
      keys: config.apiKeys ?? [],
      serviceToken: config.serviceToken,
      counters,
      log,
    }),

    complaints,

    async start(): Promise<void> {
      if (state !== "new") return;
      state = "starting";
      const { signal } = stopping;
      await Promise.all(
        dependencies.map(({ part, ping, complaint }) => health.insist(part, ping, complaint, signal)),
      );
      if (state !== "starting") return;
      state = "running";
      pings.start();
    },

    async stop(): Promise<void> {
      if (state === "stopped") return;
      state = "stopped";
      stopping.abort();
      await Promise.all([pings.stop(), door.drained(drainMs)]);
    },
  };

  function complaints(): string[] {
    if (state === "stopped") return ["It is stopping."];
    const hanging = pings.complaint();
    const others = ports.othersComplaints?.() ?? [];
    const all = [...health.complaints(), ...(hanging === null ? [] : [hanging]), ...others];
    return [...new Set(state === "running" ? all : ["It is starting.", ...all])];
  }
}

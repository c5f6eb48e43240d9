import type { ApiKey } from "./access/api-keys.ts";
import type { AllowedHosts } from "./access/hosts.ts";
import { createApp } from "./app.ts";
import { createBatches } from "./capacity/create-batches.ts";
import { createIngress } from "./capacity/ingress.ts";
import { idleTimeoutSeconds } from "./config.ts";
import type { Counters } from "./counters.ts";
import { createAttemptLimit } from "./executions/attempt-limit.ts";
import { createStartExecution } from "./executions/create.ts";
import { createHealth } from "./health.ts";
import { createUris } from "./http/uris.ts";
import type { Log } from "./log.ts";
import { createLoop } from "./loop.ts";
import type { Monotonic, Requests, Results } from "./ports.ts";

export type { ApiKey } from "./access/api-keys.ts";
export type { AllowedHosts } from "./access/hosts.ts";
export { accessProblems, accessSettings, loadAccess } from "./access/settings.ts";
export { idleTimeoutSeconds } from "./config.ts";
export { Unavailable } from "./ports.ts";

export type Config = {
  /** Maximum failed executions per request. */
  maxFailures: number;
  /** Bytes of the largest body that is accepted. */
  bodyBytesMax: number;
  /** Without any, every client that reaches the gateway may do everything. */
  apiKeys?: readonly ApiKey[];
  /** Names beside loopback ones that are served without keys. */
  allowedHosts?: AllowedHosts;
  /** Scheme, host and prefix under which clients reach the API; without it links are relative to the server. */
  publicUrl?: string;
  /** How long a connection may be idle between two requests. */
  idleTimeoutSeconds?: number;
  /** With keys, this too shows why the gateway is not ready. */
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
 * What the HTTP server must let through: the gateway itself stops reading a body that is too large, and responds with
 * a problem; the server would respond with nothing but a status.
 */
export const serverBodyBytesMax = Number.MAX_SAFE_INTEGER;

const pingMs = 2_000;
/** What is under way at a stop is waited for so long. */
const drainMs = 4_000;
/** Looking for this costs its owner one look into an index, and shows that its database answers. */
const nobody = "00000000-0000-0000-0000-000000000000";

/**
 * The public API. `app` is its HTTP interface. `start` resolves when the gateway is ready, however long its
 * dependencies take; it answers before that, as well as they let it. `stop` is safe at any time, and twice.
 * `complaints` says, a sentence each, why it is not ready.
 */
export function createGateway(ports: Ports, config: Config) {
  const { monotonic, newId, log, counters, fatal } = ports;
  let state: "new" | "starting" | "running" | "stopped" = "new";
  const stopping = new AbortController();
  const health = createHealth(log);

  const ingress = createIngress();
  const batches = createBatches(ports.requests, config);
  const uris = createUris(config.publicUrl);
  const startExecution = createStartExecution({
    createExecution: batches.createExecution,
    recordRefusal: batches.recordRefusal,
    attemptLimit: createAttemptLimit(),
    counters,
    monotonic,
    newId,
    maxFailures: config.maxFailures,
    uris,
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
      requests: ports.requests,
      results: ports.results,
      createRequest: batches.createRequest,
      startExecution,
      ingress,
      uris,
      newId,
      complaints,
      counters,
      log,
      access: {
        keys: config.apiKeys ?? [],
        allowedHosts: config.allowedHosts ?? new Set(),
        serviceToken: config.serviceToken,
      },
      publicUrl: config.publicUrl,
      bodyBytesMax: config.bodyBytesMax,
      idleSeconds: config.idleTimeoutSeconds ?? idleTimeoutSeconds.default,
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
      await Promise.all([pings.stop(), ingress.drained(drainMs)]);
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

import { gatewaySettings } from "@sate/contracts";
import type { ApiKey } from "./access/api-keys.ts";
import type { AllowedHosts } from "./access/hosts.ts";
import { createApp } from "./app.ts";
import { createBatches } from "./capacity/create-batches.ts";
import { createIngress } from "./capacity/ingress.ts";
import { createAttemptLimit } from "./executions/attempt-limit.ts";
import { createStartExecution } from "./executions/create.ts";
import { createUris } from "./http/uris.ts";
import type { Monotonic, Requests, Results } from "./ports.ts";
import { createLifecycle } from "./runtime/lifecycle.ts";
import type { Log } from "./runtime/log.ts";
import type { Counters } from "./runtime/metrics.ts";

export type { ApiKey } from "./access/api-keys.ts";
export type { AllowedHosts } from "./access/hosts.ts";
export { accessProblems, loadAccess } from "./access/settings.ts";
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
  monotonic: Monotonic;
  newId: () => string;
  log: Log;
  counters: Counters;
  /** Why other services of the same process are not ready. */
  othersNotReady?: () => Promise<string[]>;
};

/**
 * What the HTTP server must let through: the gateway itself stops reading a body that is too large, and responds with
 * a problem; the server would respond with nothing but a status.
 */
export const serverBodyBytesMax = Number.MAX_SAFE_INTEGER;

/** Looking for this costs its owner one look into an index, and shows that its database answers. */
const nobody = "00000000-0000-0000-0000-000000000000";

/**
 * The public API. `app` is its HTTP interface. `start` resolves when the gateway is ready, however long its
 * dependencies take; it answers before that, as well as they let it. `stop` is safe at any time, and twice.
 * `notReadyReasons` says why it is not ready.
 */
export function createGateway(ports: Ports, config: Config) {
  const { monotonic, newId, log, counters } = ports;

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
      name: "requests-service",
      probe: () => ports.requests.getRequest({ request_id: nobody }),
      reason: "requests-service does not answer.",
    },
    {
      name: "results-service",
      probe: () => ports.results.resultsOfExecution({ request_id: nobody, execution_id: nobody }),
      reason: "results-service does not answer.",
    },
  ];
  const { notReadyReasons, start, stop } = createLifecycle({
    log,
    dependencies,
    onStart: (connect) =>
      Promise.all(dependencies.map(({ name, probe, reason }) => connect(name, probe, reason))),
    onStop: async () => {},
    reasons: () => ports.othersNotReady?.() ?? [],
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
      notReadyReasons,
      counters,
      log,
      access: {
        keys: config.apiKeys ?? [],
        allowedHosts: config.allowedHosts ?? new Set(),
        serviceToken: config.serviceToken,
      },
      publicUrl: config.publicUrl,
      bodyBytesMax: config.bodyBytesMax,
      idleSeconds: config.idleTimeoutSeconds ?? gatewaySettings.IDLE_TIMEOUT_SECONDS.default,
    }),

    notReadyReasons,
    start,
    stop,
  };
}

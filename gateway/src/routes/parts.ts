import { createAccess } from "../access/authorize.ts";
import { createBatches } from "../capacity/create-batches.ts";
import { createIngress } from "../capacity/ingress.ts";
import { createAttemptLimit } from "../executions/attempt-limit.ts";
import { createStartExecution } from "../executions/create.ts";
import { createUris } from "../http/uris.ts";
import { createPayloadChecker } from "../payloads/checker.ts";
import type { Config, Ports } from "../ports.ts";
import { createAnnouncements } from "../processors/announcements.ts";
import { createRequestCheck } from "../processors/check-request.ts";
import { createOperation } from "./operation.ts";

/** What the routes use; each file of routes takes what it needs. */
export function createRouteParts(ports: Ports, config: Config, idleSeconds: number) {
  const { apiKeys = [], serviceToken, bodyBytesMax, maxFailures } = config;
  const ingress = createIngress();
  const access = createAccess({ keys: apiKeys, serviceToken, log: ports.log });
  const operation = createOperation({ access, ingress, bodyBytesMax, idleSeconds });
  const uris = createUris(config.publicUrl);
  const batches = createBatches(ports.requests, config);
  const attemptLimit = createAttemptLimit();
  const startExecution = createStartExecution({ ...ports, ...batches, attemptLimit, maxFailures, uris });
  const announcements = createAnnouncements(ports);
  const checkPayload = createPayloadChecker();
  const checkRequest = createRequestCheck({ ...ports, announcements, checkPayload });
  const { createRequest } = batches;
  const forProcessors = { announcements, checkPayload, checkRequest };
  return { ...ports, ...forProcessors, ingress, access, operation, uris, startExecution, createRequest };
}

export type RouteParts = ReturnType<typeof createRouteParts> & {
  /** Why the gateway is not ready, a sentence each. */
  notReadyReasons: () => Promise<string[]>;
  /** Aborted when a stop begins: waiting calls must end. */
  stopping: AbortSignal;
};

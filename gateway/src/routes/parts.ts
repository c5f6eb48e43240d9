import { createAccess } from "../access/authorize.ts";
import { createBatches } from "../capacity/create-batches.ts";
import { createIngress } from "../capacity/ingress.ts";
import { createAttemptLimit } from "../executions/attempt-limit.ts";
import { createStartExecution } from "../executions/create.ts";
import { createIdempotencyKeys } from "../http/idempotency-key.ts";
import { createUris } from "../http/uris.ts";
import { createPayloadChecker } from "../payloads/checker.ts";
import type { Config, Ports } from "../ports.ts";
import { createAnnouncements } from "../processors/announcements.ts";
import { createRequestCheck } from "../processors/check-request.ts";
import { createCreateRequest } from "../requests/create.ts";
import { createWatching } from "../watch/watching.ts";
import { createOperation } from "./operation.ts";

/** What the routes use; each file of routes takes what it needs. */
export function createRouteParts(
  ports: Ports,
  config: Config,
  { idleSeconds, stopping }: { idleSeconds: number; stopping: AbortSignal },
) {
  const { apiKeys = [], serviceToken, bodyBytesMax, maxFailures } = config;
  const ingress = createIngress();
  const access = createAccess({ keys: apiKeys, serviceToken, log: ports.log });
  const operation = createOperation({ access, ingress, bodyBytesMax, idleSeconds, closed: ports.closed });
  const uris = createUris(config.publicUrl);
  const batches = createBatches(ports.requests, config);
  const attemptLimit = createAttemptLimit();
  const startExecution = createStartExecution({ ...ports, ...batches, attemptLimit, maxFailures, uris });
  const announcements = createAnnouncements(ports);
  const checkPayload = createPayloadChecker();
  const checkRequest = createRequestCheck({ ...ports, announcements, checkPayload });
  const createOneRequest = createCreateRequest({ ...ports, ...batches, checkRequest, maxFailures, uris });
  const idempotencyKeys = createIdempotencyKeys(access);
  const watching = createWatching(ports, { ingress, uris, stopping, mayRead: access.mayRead });
  const forProcessors = { announcements, checkPayload, checkRequest };
  return {
    ...ports,
    ...forProcessors,
    ...watching,
    ...{ ingress, access, operation, uris, idempotencyKeys, startExecution, createOneRequest },
  };
}

export type RouteParts = ReturnType<typeof createRouteParts> & {
  /** Why the gateway is not ready, a sentence each. */
  notReadyReasons: () => Promise<string[]>;
  /** Aborted when the service begins to stop: waiting calls and event streams must end. */
  stopping: AbortSignal;
};

import { createAccess } from "../access/authorize.ts";
import { createBatches } from "../capacity/create-batches.ts";
import { createIngress } from "../capacity/ingress.ts";
import { createAttemptLimit } from "../executions/attempt-limit.ts";
import { createStartExecution } from "../executions/create.ts";
import { createUris } from "../http/uris.ts";
import type { Config, Ports } from "../ports.ts";
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
  const { createRequest } = batches;
  return { ...ports, ingress, access, operation, uris, startExecution, createRequest };
}

export type RouteParts = ReturnType<typeof createRouteParts> & {
  /** Why the gateway is not ready, a sentence each. */
  notReadyReasons: () => Promise<string[]>;
};

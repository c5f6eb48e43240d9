import type { ApiFunctions } from "./api.ts";
import { clientOperations } from "./requests-api/client-operations.ts";
import { findingOperations } from "./requests-api/finding-operations.ts";
import { removalOperations } from "./requests-api/removal-operations.ts";
import { replayOperations } from "./requests-api/replay-operations.ts";
import { scheduleOperations } from "./requests-api/schedule-operations.ts";
import { watchOperations } from "./requests-api/watch-operations.ts";
import { deliveryOperations, webhookOperations } from "./requests-api/webhook-operations.ts";
import { workerOperations } from "./requests-api/worker-operations.ts";

export { ExecutionFilter, RequestFilter } from "./requests-api/finding-operations.ts";
export * from "./requests-api/records.ts";
export type { Replay } from "./requests-api/replay-operations.ts";
export { type Missed, NewSchedule, ScheduleRecord } from "./requests-api/schedule-operations.ts";
export { WebhookRecord } from "./requests-api/webhook-operations.ts";
export { type Claimable, defaultTimeoutSeconds } from "./requests-api/worker-operations.ts";

/**
 * The internal API of requests-service. Payloads and outputs travel as JSON text in `…_json` strings. Instants (`…_at`,
 * `start_after`) are ms since 1970 by the clock of the Requests DB.
 *
 * Every operation is idempotent: callers choose the ids, and a repetition returns what the first call returned or
 * would have returned.
 */
export const requestsApi = {
  ...clientOperations,
  ...findingOperations,
  ...watchOperations,
  ...scheduleOperations,
  ...workerOperations,
  ...removalOperations,
  ...replayOperations,
  ...webhookOperations,
  ...deliveryOperations,
};

export type RequestsApi = ApiFunctions<typeof requestsApi>;
/** The part of it that workers need. */
export type WorkerApi = ApiFunctions<typeof workerOperations>;
/** The part of it that the deliveries of webhooks need. */
export type DeliveryApi = ApiFunctions<typeof deliveryOperations>;

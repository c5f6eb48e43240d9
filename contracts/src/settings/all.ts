import { accessSettings } from "./access.ts";
import {
  deadLetterSettings,
  groupSettings,
  leaseSettings,
  processingSettings,
  recoverySettings,
  retentionSettings,
} from "./executions.ts";
import { gatewaySettings } from "./gateway.ts";
import { kafkaSettings, topicSettings } from "./kafka.ts";
import type { Environment } from "./load.ts";
import { processSettings } from "./process.ts";
import { requestsServiceUrl, resultsListenerUrl, resultsServiceUrl, serviceToken } from "./services.ts";
import { dataDir, requestsMongoUrl, resultsMongoUrl } from "./stores.ts";
import { webhookSettings } from "./webhooks.ts";

/** Every setting of every service: they may share one environment. */
export const settingNames: ReadonlySet<string> = new Set(
  Object.keys({
    ...processSettings({ port: 0 }),
    ...accessSettings,
    ...gatewaySettings,
    ...serviceToken,
    ...requestsServiceUrl,
    ...resultsServiceUrl,
    ...resultsListenerUrl,
    ...requestsMongoUrl,
    ...resultsMongoUrl,
    ...dataDir,
    ...kafkaSettings,
    ...leaseSettings,
    ...recoverySettings,
    ...retentionSettings,
    ...deadLetterSettings,
    ...topicSettings,
    ...groupSettings,
    ...processingSettings,
    ...webhookSettings,
  }),
);

/** The part of an environment that user code may get: everything except the settings of Sate, some of which are secrets. */
export function withoutSettings(env: Environment): Environment {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !settingNames.has(name)));
}

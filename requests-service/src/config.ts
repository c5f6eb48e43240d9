import {
  kafkaSettings,
  leaseSettings,
  processSettings,
  recoverySettings,
  requestsMongoUrl,
  resultsListenerUrl,
  resultsServiceUrl,
  retentionSettings,
  serviceToken,
  topicSettings,
} from "@sate/contracts";
import { Type } from "@sinclair/typebox";

/** The environment of this service. */
export const Settings = Type.Object({
  ...processSettings({ port: 5001 }),
  ...serviceToken,
  ...requestsMongoUrl,
  ...resultsServiceUrl,
  ...resultsListenerUrl,
  ...kafkaSettings,
  ...topicSettings,
  ...leaseSettings,
  ...recoverySettings,
  ...retentionSettings,
});

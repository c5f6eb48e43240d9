import {
  kafkaSettings,
  leaseSettings,
  processSettings,
  recoverySettings,
  requestsMongoUrl,
  resultsServiceUrl,
  retentionSettings,
  serviceToken,
} from "@sate/contracts";
import { Type } from "@sinclair/typebox";

/** The environment of this service. */
export const Settings = Type.Object({
  ...processSettings({ port: 5001 }),
  ...serviceToken,
  ...requestsMongoUrl,
  ...resultsServiceUrl,
  ...kafkaSettings,
  ...leaseSettings,
  ...recoverySettings,
  ...retentionSettings,
});

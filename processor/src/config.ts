import {
  groupSettings,
  kafkaSettings,
  leaseSettings,
  processingSettings,
  processSettings,
  requestsServiceUrl,
  serviceToken,
  webhookSettings,
} from "@sate/contracts";
import { Type } from "@sinclair/typebox";

/** The environment of this service. */
export const Settings = Type.Object({
  ...processSettings({ port: 5004 }),
  ...serviceToken,
  ...requestsServiceUrl,
  ...kafkaSettings,
  ...leaseSettings,
  ...groupSettings,
  ...processingSettings,
  ...webhookSettings,
});

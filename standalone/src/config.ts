import {
  accessSettings,
  dataDir,
  deadLetterSettings,
  gatewaySettings,
  leaseSettings,
  processingSettings,
  processSettings,
  recoverySettings,
  retentionSettings,
  webhookSettings,
} from "@sate/contracts";
import { Type } from "@sinclair/typebox";

/** The environment of standalone: the settings of the five services that make sense in one process. */
export const Settings = Type.Object({
  ...processSettings({ port: 5003, logLevel: "warn" }),
  ...accessSettings,
  ...gatewaySettings,
  ...dataDir,
  ...leaseSettings,
  ...recoverySettings,
  ...retentionSettings,
  ...deadLetterSettings,
  ...processingSettings,
  ...webhookSettings,
});

import {
  deadLetterSettings,
  kafkaSettings,
  processSettings,
  resultsMongoUrl,
  serviceToken,
} from "@sate/contracts";
import { Type } from "@sinclair/typebox";

/** The environment of this service. */
export const Settings = Type.Object({
  ...processSettings({ port: 5005 }),
  ...serviceToken,
  ...resultsMongoUrl,
  ...kafkaSettings,
  ...deadLetterSettings,
});

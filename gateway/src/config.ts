import {
  accessSettings,
  gatewaySettings,
  processSettings,
  requestsServiceUrl,
  resultsServiceUrl,
  serviceToken,
} from "@sate/contracts";
import { Type } from "@sinclair/typebox";

/** The environment of this service. */
export const Settings = Type.Object({
  ...processSettings({ port: 5003 }),
  ...accessSettings,
  ...gatewaySettings,
  ...serviceToken,
  ...requestsServiceUrl,
  ...resultsServiceUrl,
});

import { Type } from "@sinclair/typebox";

/** Which receivers of webhooks a processor may call beyond public addresses over https. */
export const webhookSettings = {
  WEBHOOK_ALLOW: Type.String({
    default: "",
    description:
      "a list of host names, addresses and networks such as 10.1.0.0/16, separated by commas, that webhooks may call even if they are not public, and also over http",
  }),
};

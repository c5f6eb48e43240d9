import { Type } from "@sinclair/typebox";
import { limits } from "../values/limits.ts";

/** The policy and the limits of the public API. */
export const gatewaySettings = {
  MAX_FAILURES: Type.Integer({
    default: 3,
    minimum: 1,
    maximum: limits.attemptMax,
    description: `a whole number from 1 to ${limits.attemptMax}: maximum failed executions per request`,
  }),
  BODY_BYTES_MAX: Type.Integer({
    default: limits.bodyBytesDefault,
    minimum: 1,
    maximum: limits.bodyBytesCeiling,
    description: `a whole number from 1 to ${limits.bodyBytesCeiling}, in bytes: the largest body that is accepted`,
  }),
  /** Longer than what load balancers keep idle connections, usually 60 s, so it is they who close them. */
  IDLE_TIMEOUT_SECONDS: Type.Integer({
    default: 75,
    minimum: 15,
    maximum: 255,
    description:
      "a whole number from 15 to 255, in seconds: how long a connection between two requests may be idle",
  }),
};

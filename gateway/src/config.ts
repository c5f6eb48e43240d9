import { limits } from "@sate/contracts";
import { Type } from "@sinclair/typebox";
import { accessSettings } from "./access/settings.ts";
import { logLevels } from "./runtime/log.ts";

const serviceUrls = "^https?://[^,\\s/]+(,https?://[^,\\s/]+)*$";

/** Longer than what load balancers keep idle connections, usually 60 s, so it is they who close them. */
export const idleTimeoutSeconds = Type.Integer({
  default: 75,
  minimum: 15,
  maximum: 255,
  description: "from 15 to 255 seconds: how long a connection between two requests may be idle",
});

/** The environment of this service. `description` completes the sentence "<NAME> must be …". */
export const Settings = Type.Object({
  HOST: Type.String({ default: "127.0.0.1", minLength: 1, description: "the address to listen on" }),
  PORT: Type.Integer({ default: 5003, minimum: 0, maximum: 65_535, description: "a port from 0 to 65535" }),
  ...accessSettings,
  SERVICE_TOKEN: Type.String({
    minLength: 16,
    description: "a secret of at least 16 characters, the same for all services",
  }),
  REQUESTS_SERVICE_URL: Type.String({
    pattern: serviceUrls,
    description: "the address of requests-service, http://host:port, or several with commas between them",
  }),
  RESULTS_SERVICE_URL: Type.String({
    pattern: serviceUrls,
    description: "the address of results-service, http://host:port, or several with commas between them",
  }),
  MAX_FAILURES: Type.Integer({
    default: 3,
    minimum: 1,
    maximum: limits.attemptMax,
    description: `from 1 to ${limits.attemptMax}: maximum failed executions per request`,
  }),
  BODY_BYTES_MAX: Type.Integer({
    default: limits.bodyBytesDefault,
    minimum: 1,
    maximum: limits.bodyBytesCeiling,
    description: `from 1 to ${limits.bodyBytesCeiling} bytes: the largest body that is accepted`,
  }),
  IDLE_TIMEOUT_SECONDS: idleTimeoutSeconds,
  SHUTDOWN_SECONDS: Type.Number({
    default: 10,
    minimum: 0,
    maximum: 3_600,
    description: "from 0 to 3600 seconds: the time for a clean stop",
  }),
  LOG_LEVEL: Type.Union(
    logLevels.map((level) => Type.Literal(level)),
    { default: "info", description: `one of ${logLevels.join(", ")}` },
  ),
});

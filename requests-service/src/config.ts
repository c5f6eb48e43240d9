import { kafkaSettings } from "@sate/contracts";
import { Type } from "@sinclair/typebox";
import { logLevels } from "./runtime/log.ts";

/** The environment of this service. `description` completes the sentence "<NAME> must be …". */
export const Settings = Type.Object({
  HOST: Type.String({ default: "127.0.0.1", minLength: 1, description: "the address to listen on" }),
  PORT: Type.Integer({ default: 5001, minimum: 0, maximum: 65_535, description: "a port from 0 to 65535" }),
  SERVICE_TOKEN: Type.String({
    minLength: 16,
    description: "a secret of at least 16 characters, the same for all services",
  }),
  REQUESTS_MONGO_URL: Type.String({
    pattern: "^mongodb(\\+srv)?://[^/]+/[^/?]+(\\?.*)?$",
    description: "the address of the Requests DB, mongodb://…/database",
  }),
  RESULTS_SERVICE_URL: Type.String({
    pattern: "^https?://[^,\\s/]+(,https?://[^,\\s/]+)*$",
    description: "the address of results-service, http://host:port, or several with commas between them",
  }),
  ...kafkaSettings,
  LEASE_SECONDS: Type.Number({
    default: 30,
    minimum: 1,
    maximum: 3_600,
    description: "from 1 to 3600 seconds: how long a silent processor keeps its executions",
  }),
  MAX_LOST: Type.Integer({
    default: 3,
    minimum: 1,
    maximum: 1_000,
    description: "from 1 to 1000: how many runs may be lost with their processors",
  }),
  CONFIRM_SECONDS: Type.Number({
    default: 30,
    minimum: 0.1,
    maximum: 3_600,
    description: "from 0.1 to 3600 seconds: how long an outcome that was published may be without its result",
  }),
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

import { kafkaSettings, limits } from "@sate/contracts";
import { Type } from "@sinclair/typebox";
import { logLevels } from "./runtime/log.ts";

/** The environment of this service. `description` completes the sentence "<NAME> must be …". */
export const Settings = Type.Object({
  HOST: Type.String({ default: "127.0.0.1", minLength: 1, description: "the address to listen on" }),
  PORT: Type.Integer({ default: 5004, minimum: 0, maximum: 65_535, description: "a port from 0 to 65535" }),
  SERVICE_TOKEN: Type.String({
    minLength: 16,
    description: "a secret of at least 16 characters, the same for all services",
  }),
  REQUESTS_SERVICE_URL: Type.String({
    pattern: "^https?://[^,\\s/]+(,https?://[^,\\s/]+)*$",
    description: "the address of requests-service, http://host:port, or several with commas between them",
  }),
  ...kafkaSettings,
  LEASE_SECONDS: Type.Number({
    default: 30,
    minimum: 1,
    maximum: 3_600,
    description:
      "from 1 to 3600 seconds, the same for requests-service: how long a silent processor keeps its executions",
  }),
  CONCURRENCY: Type.Integer({
    default: 8,
    minimum: 1,
    maximum: limits.workerRunsMax,
    description: `from 1 to ${limits.workerRunsMax}: how many executions run at once`,
  }),
  PROCESSING_SECONDS: Type.Number({
    default: 1,
    minimum: 0,
    maximum: 3_600,
    description: "from 0 to 3600 seconds: how long the simulated processing takes",
  }),
  EXECUTION_SECONDS: Type.Number({
    default: 300,
    minimum: 0.001,
    maximum: 86_400,
    description: "from 0.001 to 86400 seconds: the deadline of a run",
  }),
  SHUTDOWN_SECONDS: Type.Number({
    default: 10,
    minimum: 0,
    maximum: 3_600,
    description: "from 0 to 3600 seconds: the time for a clean stop",
  }),
  PROCESSORS_DIR: Type.String({ default: "", description: "a folder of TypeScript modules" }),
  LOG_LEVEL: Type.Union(
    logLevels.map((level) => Type.Literal(level)),
    { default: "info", description: `one of ${logLevels.join(", ")}` },
  ),
});

import { kafkaSettings } from "@sate/contracts";
import { Type } from "@sinclair/typebox";
import { logLevels } from "./runtime/log.ts";

/** The environment of this service. `description` completes the sentence "<NAME> must be …". */
export const Settings = Type.Object({
  HOST: Type.String({ default: "127.0.0.1", minLength: 1, description: "the address to listen on" }),
  PORT: Type.Integer({ default: 5005, minimum: 0, maximum: 65_535, description: "a port from 0 to 65535" }),
  SERVICE_TOKEN: Type.String({
    minLength: 16,
    description: "a secret of at least 16 characters, the same for all services",
  }),
  RESULTS_MONGO_URL: Type.String({
    pattern: "^mongodb(\\+srv)?://.+",
    description: "the address of the Results DB, mongodb://…/database",
  }),
  ...kafkaSettings,
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

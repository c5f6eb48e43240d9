import { limits } from "@sate/contracts";
import { accessSettings, idleTimeoutSeconds } from "@sate/gateway";
import { logLevels } from "@sate/gateway/runtime/log";
import { Type } from "@sinclair/typebox";

const seconds = (most: number, extra: { default: number; minimum?: number; description: string }) =>
  Type.Number({ minimum: 0, maximum: most, ...extra });
const count = (most: number, extra: { default: number; description: string }) =>
  Type.Integer({ minimum: 1, maximum: most, ...extra });

/** The environment of standalone: the settings of the five services that make sense in one process. */
export const Settings = Type.Object({
  HOST: Type.String({ default: "127.0.0.1", minLength: 1, description: "the address to listen on" }),
  PORT: Type.Integer({ default: 5003, minimum: 0, maximum: 65_535, description: "a port from 0 to 65535" }),
  ...accessSettings,
  DATA_DIR: Type.String({ default: "./data", minLength: 1, description: "a folder for the data" }),
  MAX_FAILURES: count(1_000, {
    default: 3,
    description: "from 1 to 1000: how many failed executions a request may have",
  }),
  MAX_LOST: count(1_000, {
    default: 3,
    description: "from 1 to 1000: how many runs of an execution may be lost in crashes",
  }),
  LEASE_SECONDS: seconds(3_600, {
    default: 30,
    minimum: 1,
    description: "from 1 to 3600 seconds: how long a silent processor keeps its executions",
  }),
  CONFIRM_SECONDS: seconds(3_600, {
    default: 30,
    minimum: 0.1,
    description: "from 0.1 to 3600 seconds: how long an outcome that was published may be without its result",
  }),
  CONCURRENCY: count(limits.workerRunsMax, {
    default: 8,
    description: `from 1 to ${limits.workerRunsMax}: how many executions run at once`,
  }),
  PROCESSING_SECONDS: seconds(3_600, {
    default: 1,
    description: "from 0 to 3600 seconds: how long the simulated processing takes",
  }),
  EXECUTION_SECONDS: seconds(86_400, {
    default: 300,
    minimum: 0.001,
    description: "up to 86400 seconds: the deadline of a run",
  }),
  BODY_BYTES_MAX: count(limits.bodyBytesCeiling, {
    default: limits.bodyBytesDefault,
    description: `from 1 to ${limits.bodyBytesCeiling} bytes: the largest body of a request`,
  }),
  IDLE_TIMEOUT_SECONDS: idleTimeoutSeconds,
  SHUTDOWN_SECONDS: seconds(3_600, {
    default: 10,
    description: "from 0 to 3600 seconds: the time for a clean stop",
  }),
  PROCESSORS_DIR: Type.String({ default: "", description: "a folder of TypeScript modules" }),
  LOG_LEVEL: Type.Union(
    logLevels.map((level) => Type.Literal(level)),
    { default: "warn", description: `one of ${logLevels.join(", ")}` },
  ),
});

import { Type } from "@sinclair/typebox";
import { limits } from "../values/limits.ts";

/** The same for requests-service and its processors. */
export const leaseSettings = {
  LEASE_SECONDS: Type.Number({
    default: 30,
    minimum: 1,
    maximum: 3_600,
    description:
      "from 1 to 3600 seconds, the same for requests-service and processors: how long a processor without heartbeats keeps its executions",
  }),
};

/** Recovery of executions that were lost with their processor, and of outcomes whose result is missing. */
export const recoverySettings = {
  MAX_LOST: Type.Integer({
    default: 3,
    minimum: 1,
    maximum: 1_000,
    description:
      "a whole number from 1 to 1000: how many runs of an execution may be lost with their processors",
  }),
  CONFIRM_SECONDS: Type.Number({
    default: 30,
    minimum: 0.1,
    maximum: 3_600,
    description: "from 0.1 to 3600 seconds: how long a published outcome may be without its result",
  }),
};

/** How long something is kept; 0 is for ever. */
const daysKept = (what: string) =>
  Type.Number({
    default: 0,
    minimum: 0,
    maximum: 36_500,
    description: `from 0 to 36500 days: how long to keep ${what}, 0 for ever`,
  });

/** What results-listener keeps, and for how long. */
export const deadLetterSettings = { DEAD_LETTER_DAYS: daysKept("dead letters") };

/** What requests-service keeps, and for how long. */
export const retentionSettings = {
  EXECUTION_DAYS: daysKept("the results, errors and logs of ended executions"),
  REQUEST_DAYS: daysKept("requests whose executions have all ended"),
  LOG_DAYS: Type.Number({
    default: 7,
    minimum: 0.01,
    maximum: 3_650,
    description: "from 0.01 to 3650 days: how long run logs are kept",
  }),
};

/** The consumer group of a processor. */
export const groupSettings = {
  PROCESSOR_GROUP: Type.String({
    default: "processor",
    pattern: "^[A-Za-z0-9._-]{1,100}$",
    description:
      "a name of up to 100 letters, digits, dots, - and _: the consumer group, the same for workers with the same set of processors",
  }),
};

/** How a processor runs executions. */
export const processingSettings = {
  CONCURRENCY: Type.Integer({
    default: 8,
    minimum: 1,
    maximum: limits.workerRunsMax,
    description: `a whole number from 1 to ${limits.workerRunsMax}: how many executions run at once`,
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
    description:
      "from 0.001 to 86400 seconds: the deadline of an execution, for processors that declare no timeout of their own",
  }),
  PROCESSORS_DIR: Type.String({
    default: "./processors",
    description: "a folder of processors: TypeScript modules (.ts) and declarations (.toml)",
  }),
};

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
    description: "from 0.001 to 86400 seconds: the deadline of a run",
  }),
  PROCESSORS_DIR: Type.String({ default: "", description: "a folder of TypeScript modules" }),
};

type Loaded = { PROCESSING_SECONDS?: number; EXECUTION_SECONDS?: number; SHUTDOWN_SECONDS?: number } & {
  [name in "ALLOWED_HOSTS" | "API_KEYS" | "API_KEYS_FILE" | "ALLOW_ANONYMOUS"]?: string;
};

/** A stop gives handlers at least this part of its time; the rest is for what must follow them. */
const handlersShareOfStop = 0.4;

/** Settings that contradict each other, one sentence each. They are warnings: the simulation may not be in use. */
export function contradictions(settings: Loaded): string[] {
  const { PROCESSING_SECONDS: processing = 0, EXECUTION_SECONDS: deadline = 86_400 } = settings;
  const { SHUTDOWN_SECONDS: shutdown = 3_600 } = settings;
  const found: string[] = [];
  if (processing >= deadline) {
    found.push("PROCESSING_SECONDS is not below EXECUTION_SECONDS: every simulated execution will time out.");
  } else if (processing > shutdown * handlersShareOfStop) {
    found.push(
      "PROCESSING_SECONDS is above two fifths of SHUTDOWN_SECONDS: a stop may requeue the simulated executions.",
    );
  }
  const { ALLOWED_HOSTS, API_KEYS, API_KEYS_FILE, ALLOW_ANONYMOUS } = settings;
  if (ALLOWED_HOSTS && (API_KEYS || API_KEYS_FILE || ALLOW_ANONYMOUS === "1")) {
    found.push("ALLOWED_HOSTS has no effect with API keys or ALLOW_ANONYMOUS=1: every Host is served.");
  }
  return found;
}

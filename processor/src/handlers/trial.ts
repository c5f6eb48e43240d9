import { createHash } from "node:crypto";
import type { Handler, HandlerEnd, Handlers } from "../ports.ts";
import { pause, type Time } from "../time.ts";

/** Told from all with which a process ends by itself. */
const exitCode = 41;
/** Above the limit of outputs, so that the execution must fail. */
const tooManyBytes = 600 * 1_024;
/** Long enough to be still there when the outcome has been decided without it. */
const deafLeases = 4;

/**
 * Handlers for the proof under faults, chosen by a request's `processor`: they behave as badly as code inside the
 * process can. Only with TEST_HANDLERS=1, since two of them end this process, and its other runs with it.
 */
export function trialHandlers({ leaseMs, time }: { leaseMs: number; time: Time }): Handlers {
  const never = (signal: AbortSignal) =>
    new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
  const handlers: Record<string, Handler> = {
    "trial-fast": async (run) => seen(run.payloadJson),
    "trial-slow": async (run) => {
      await pause(time, leaseMs * 1.5, run.signal);
      return seen(run.payloadJson);
    },
    "trial-flaky": async (run) => (run.attempt < 3 ? failed : seen(run.payloadJson)),
    "trial-failing": async () => failed,
    "trial-throwing": async () => {
      throw new TypeError("a secret-canary that must not leave this process");
    },
    "trial-hanging": async (run) => {
      await never(run.signal);
      return failed;
    },
    "trial-deaf": async (run) => {
      await pause(time, leaseMs * deafLeases, new AbortController().signal);
      return seen(run.payloadJson);
    },
    "trial-large": async () => ({ kind: "succeeded", outputsJson: JSON.stringify("x".repeat(tooManyBytes)) }),
    // In its first run only: the next one ends well.
    "trial-exit": async (run) => (run.epoch === 1 ? process.exit(exitCode) : seen(run.payloadJson)),
    "trial-poison": async (run) => {
      process.kill(process.pid, "SIGKILL");
      await never(run.signal);
      return failed;
    },
  };
  return handlers;
}

const failed: HandlerEnd = { kind: "failed", error: { code: "trial", message: "It was made to fail." } };

/** What the handler saw of the payload, for whoever compares it with what was sent. */
function seen(payloadJson: string): HandlerEnd {
  const sha256 = createHash("sha256").update(payloadJson).digest("hex");
  return { kind: "succeeded", outputsJson: JSON.stringify({ sha256 }) };
}

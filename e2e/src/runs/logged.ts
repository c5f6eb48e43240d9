import { createHash } from "node:crypto";
import { appendFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { machineNs } from "./monotonic.ts";
import type { RunEvent } from "./run-log.ts";

/** The parts of a run that its log records. */
export type Logged = { executionId: string; requestId: string; epoch: number };

/** The context of a run, as far as the modules in e2e/processors use it. */
export type Context = Logged & {
  payloadText: string;
  attempt: number;
  try: number;
  forceError: boolean;
  signal: AbortSignal;
  progress(fraction: number, message?: string): void;
  log(...values: unknown[]): void;
};

/** The options of a module that the modules in e2e/processors use. */
type Declared = {
  timeoutSeconds?: number;
  memoryMib?: number;
  retry?: { tries: number; firstSeconds: number; maxSeconds: number };
};

/**
 * A processor module that appends a line of JSON to the file RUN_LOG for every start and every end, as the handlers see
 * them and not the system under test.
 *
 * Each line is one synchronous append, so lines of several processes do not mix, and a start is in the file before its
 * handler runs. A line that cannot be written makes the run fail.
 */
export function logged(handle: (context: Context) => Promise<unknown>, declared: Declared = {}) {
  return {
    env: ["RUN_LOG", "WALL_TO_MACHINE_NS"],
    ...declared,
    async run(_payload: unknown, context: Context): Promise<unknown> {
      append("start", context);
      try {
        return await handle(context);
      } finally {
        append("end", context);
      }
    },
  };
}

export function append(event: RunEvent["event"], { executionId, requestId, epoch }: Logged): void {
  const line: RunEvent = {
    event,
    execution_id: executionId,
    request_id: requestId,
    epoch,
    pid: process.pid,
    host: process.ppid,
    monotonic_ns: String(machineNs()),
  };
  appendFileSync(Bun.env.RUN_LOG as string, `${JSON.stringify(line)}\n`);
}

/** How a module reports a failure that it foresaw. */
export const failure = (code: string, message: string): Error =>
  Object.assign(new Error(message), { name: "Failure", code });

export const failed = () => failure("trial", "It was made to fail.");

/** The hash of the payload as the handler received it, to be compared with what was sent. */
export const seen = ({ payloadText }: Pick<Context, "payloadText">) => ({
  sha256: createHash("sha256").update(payloadText).digest("hex"),
});

/** Ends when the signal aborts, and after `ms` at the latest. */
export const pause = (ms: number, signal?: AbortSignal): Promise<void> =>
  setTimeout(ms, undefined, signal && { signal }).catch(() => {});

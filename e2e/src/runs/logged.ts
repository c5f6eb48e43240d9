import { createHash } from "node:crypto";
import { appendFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { machineNs } from "./monotonic.ts";
import type { RunEvent } from "./run-log.ts";

/** The context of a run, as far as the modules in e2e/processors use it. */
export type Context = {
  payloadText: string;
  requestId: string;
  executionId: string;
  epoch: number;
  attempt: number;
  forceError: boolean;
  signal: AbortSignal;
};

/**
 * A processor module that appends a line of JSON to the file RUN_LOG for every start and every end: what ran when,
 * according to the handlers and not to the system under test.
 *
 * Each line is one synchronous append, so lines of several processes do not mix, and a start is in the file before its
 * handler runs. A line that cannot be written makes the run fail.
 */
export function logged(handle: (context: Context) => Promise<unknown>) {
  return {
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

function append(event: RunEvent["event"], { executionId, requestId, epoch }: Context): void {
  const line: RunEvent = {
    event,
    execution_id: executionId,
    request_id: requestId,
    epoch,
    pid: process.pid,
    monotonic_ns: String(machineNs()),
  };
  appendFileSync(Bun.env.RUN_LOG as string, `${JSON.stringify(line)}\n`);
}

/** How a module reports a failure that it foresaw. */
export const failure = (code: string, message: string): Error =>
  Object.assign(new Error(message), { name: "Failure", code });

export const failed = () => failure("trial", "It was made to fail.");

/** The hash of the payload as the handler received it, to be compared with what was sent. */
export const seen = ({ payloadText }: Context) => ({
  sha256: createHash("sha256").update(payloadText).digest("hex"),
});

export const leases = (count: number): number => Number(Bun.env.LEASE_SECONDS) * 1_000 * count;

/** Ends when the signal aborts, and after `ms` at the latest. */
export const pause = (ms: number, signal?: AbortSignal): Promise<void> =>
  setTimeout(ms, undefined, signal && { signal }).catch(() => {});

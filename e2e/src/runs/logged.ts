import { appendFileSync } from "node:fs";
import { machineNs } from "./monotonic.ts";
import type { RunEvent } from "./run-log.ts";

/** What a module in PROCESSORS_DIR is told of its run, as far as ours look at it. */
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
 * A processor module, with a line of JSON in the file RUN_LOG for every start and every end: who ran what when, told by
 * the handlers and not by the system that is examined.
 *
 * Each line is one synchronous append, so the lines of several processes do not mix, and a start is in the file before
 * its handler runs. A line that cannot be written makes the run fail.
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

/** As a module says that it failed in a way that it foresaw. */
export function failure(code: string, message: string): Error {
  return Object.assign(new Error(message), { name: "Failure", code });
}

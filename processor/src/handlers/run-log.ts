import { dlopen, FFIType, ptr } from "bun:ffi";
import { appendFileSync } from "node:fs";
import type { Handler, HandlerRun, Handlers } from "../ports.ts";

/**
 * The same handlers, with a line of JSON in the file at `path` for every start and every end:
 * `{event, execution_id, request_id, epoch, worker_id, pid, monotonic_ns}`. An aid for audits: who ran what
 * when, told by the handlers and not by the system that is examined.
 *
 * Each line is one synchronous append, so the lines of several processes do not mix, and a start is in the
 * file before its handler runs. A line that cannot be written makes the run fail.
 */
export function withRunLog(handlers: Handlers, path: string): Handlers {
  const nowNs = monotonicClock();
  const append = (event: "start" | "end", run: HandlerRun) => {
    const line = {
      event,
      execution_id: run.executionId,
      request_id: run.requestId,
      epoch: run.epoch,
      worker_id: run.workerId,
      pid: process.pid,
      monotonic_ns: nowNs(),
    };
    appendFileSync(path, `${JSON.stringify(line)}\n`);
  };
  const logged =
    (handler: Handler): Handler =>
    async (run) => {
      append("start", run);
      try {
        return await handler(run);
      } finally {
        append("end", run);
      }
    };
  return Object.fromEntries(Object.entries(handlers).map(([name, handler]) => [name, logged(handler)]));
}

/**
 * Nanoseconds of the machine's monotonic clock, as digits: comparable between the processes of one machine.
 * Bun's own clocks count from the start of the process, so the difference is taken once from the C library;
 * where that cannot be asked, from the wall clock.
 */
function monotonicClock(): () => string {
  const offsetNs = machineNs() - process.hrtime.bigint();
  return () => String(process.hrtime.bigint() + offsetNs);
}

const clockMonotonic = process.platform === "darwin" ? 6 : 1;
const libraries = ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1", "libSystem.B.dylib"];

function machineNs(): bigint {
  for (const library of libraries) {
    try {
      const { symbols, close } = dlopen(library, {
        clock_gettime: { args: [FFIType.i32, FFIType.ptr], returns: FFIType.i32 },
      });
      const [seconds, ns] = gettime(symbols.clock_gettime);
      close();
      return seconds * 1_000_000_000n + ns;
    } catch {
      // Not this platform's library.
    }
  }
  return BigInt(Date.now()) * 1_000_000n;
}

function gettime(call: (clock: number, to: ReturnType<typeof ptr>) => number): [bigint, bigint] {
  const answer = new BigInt64Array(2);
  if (call(clockMonotonic, ptr(answer)) !== 0) throw new Error("the clock does not answer");
  return [answer[0] as bigint, answer[1] as bigint];
}

import { readFileSync } from "node:fs";
import { errorFields, type Log } from "./log.ts";

/** One Ctrl-C under `bun run` arrives twice within a millisecond: from the terminal, and forwarded by bun. */
const sameSignalMs = 500;

/**
 * On SIGTERM, SIGINT or SIGHUP (the terminal was closed) runs `stop` and ends the process: with 0, or with 1 if the stop
 * fails, takes longer than `deadlineMs`, or is interrupted by a second signal. Returns a function that requests the same
 * stop without a signal, and does nothing while one is in progress.
 */
export function stopOnSignal(parts: {
  log: Log;
  deadlineMs: number;
  stop: () => Promise<void>;
}): (why: string) => void {
  const { log, deadlineMs, stop } = parts;
  let stoppingSince = Number.NaN;

  function fail(why: string, error?: unknown): never {
    log.error(why, error === undefined ? {} : errorFields(error));
    process.exit(1);
  }

  async function onSignal(signal: string): Promise<void> {
    const sinceMs = performance.now() - stoppingSince;
    if (sinceMs > sameSignalMs) fail("a second signal ends the process at once");
    if (sinceMs >= 0) return;
    stoppingSince = performance.now();
    log.info("stopping", { signal });
    setTimeout(fail, deadlineMs, "the stop exceeded SHUTDOWN_SECONDS; the process exits");
    await stop().catch((error) => fail("the stop failed", error));
    log.info("stopped");
    process.exit(0);
  }

  for (const signal of ["SIGTERM", "SIGINT", ...(isHangupIgnored() ? [] : ["SIGHUP"])]) {
    process.on(signal, onSignal);
  }
  return (why) => {
    if (Number.isNaN(stoppingSince)) void onSignal(why);
  };
}

/** As under `nohup`: the process must outlive its terminal. Only Linux has this file. */
function isHangupIgnored(): boolean {
  try {
    const mask = /^SigIgn:\s*(\w+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
    return (BigInt(`0x${mask}`) & 1n) === 1n;
  } catch {
    return false;
  }
}

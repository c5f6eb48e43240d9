import { readFileSync } from "node:fs";

/**
 * Nanoseconds of the machine's monotonic clock, to a hundredth of a second: comparable with what handlers write into
 * RUN_LOG. Where there is no /proc, that of this process, which is comparable with nothing else.
 */
export function machineNs(): bigint {
  try {
    const [seconds = "0"] = readFileSync("/proc/uptime", "utf8").split(" ");
    return BigInt(Math.round(Number(seconds) * 100)) * 10_000_000n;
  } catch {
    return process.hrtime.bigint();
  }
}

import type { Log, LogFields } from "@sate/contracts/runtime";

const linesMax = 10;
const windowMs = 10_000;

/**
 * A log for messages that clients can cause at will: at most `linesMax` lines of each message in ten seconds. The first
 * line of a later window says how many were left out. Callers use a fixed set of messages.
 */
export function createLimitedLog(
  log: Pick<Log, "warn">,
  now: () => number = performance.now.bind(performance),
) {
  const windows = new Map<string, { since: number; lines: number }>();
  return {
    warn(message: string, fields: LogFields = {}): void {
      const last = windows.get(message);
      const isOpen = last !== undefined && now() - last.since < windowMs;
      const window = isOpen ? last : { since: now(), lines: 0 };
      windows.set(message, window);
      if (++window.lines > linesMax) return;
      const left = isOpen || last === undefined ? 0 : last.lines - linesMax;
      log.warn(message, left > 0 ? { ...fields, left_out: left } : fields);
    },
  };
}

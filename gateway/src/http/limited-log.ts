import type { Log, LogFields } from "../runtime/log.ts";

export type LimitedLog = { warn(message: string, fields?: LogFields): void };

/** Lines of one message in one window. */
const linesMax = 10;
const windowMs = 10_000;

/**
 * A log for what clients can cause at will: of each message at most `linesMax` lines in ten seconds, so that a flood of
 * requests does not become a flood of lines. The next line after them says how many were left out. Callers use a fixed
 * set of messages.
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

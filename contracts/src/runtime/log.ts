import { isUnavailable } from "../internal/unavailable.ts";
import { type LogLevel, logLevels } from "../settings/process.ts";

export type LogFields = Record<string, string | number | boolean | null | undefined>;

/** One JSON object a line. Never pass it a payload, a secret, or an error that may carry one. */
export type Log = {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
};

/** Control characters that JSON does not escape, but that terminals and line readers interpret. */
const controls = /[\u007f-\u009f\u2028\u2029]/g;
const escaped = (control: string) => `\\u${control.charCodeAt(0).toString(16).padStart(4, "0")}`;

/** `write` receives one line, without a line break. */
export function createLog(service: string, level: LogLevel, write: (line: string) => void): Log {
  const from = logLevels.indexOf(level);
  const at = (name: LogLevel) => (message: string, fields?: LogFields) => {
    if (logLevels.indexOf(name) < from) return;
    const entry = { time: new Date().toISOString(), level: name, service, message, ...fields };
    write(JSON.stringify(entry).replaceAll(controls, escaped));
  };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

/** The form of a name or a code. Anything else could be a message. */
const plain = /^[\w.-]{1,64}$/;
/** Further causes of an error are not logged. */
const causesMax = 4;

type Fields = Error & { code?: unknown; path?: unknown; originalError?: unknown; errors?: unknown[] };

/**
 * The fields of an error that are safe to log: its name, code and path, and those of its causes. Not its message,
 * because messages of drivers may contain addresses with passwords, except that of an `Unavailable`, which is ours; a
 * path that is a URL, as in errors of `fetch`, may contain one, too. Never throws.
 */
export function errorFields(error: unknown, depth = 0): LogFields {
  try {
    if (!(error instanceof Error)) return { error: typeof error };
    const { name, code, path, cause, originalError, errors } = error as Fields;
    const next = cause ?? originalError ?? errors?.[0];
    const causes = next instanceof Error && depth < causesMax ? errorFields(next, depth + 1) : {};
    return {
      error: typeof name === "string" && plain.test(name) ? name : "Error",
      detail: isUnavailable(error) ? error.message : undefined,
      code: typeof code === "number" || (typeof code === "string" && plain.test(code)) ? code : undefined,
      path: typeof path === "string" && path.startsWith("/") ? path : undefined,
      cause: Object.values(causes).filter(Boolean).join(" ") || undefined,
    };
  } catch {
    return { error: "Error" }; // a getter or a proxy throws
  }
}

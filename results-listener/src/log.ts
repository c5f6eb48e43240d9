export type LogFields = Record<string, string | number | boolean | null | undefined>;

/** One JSON object a line. Never pass it a payload, a secret, or an error that may carry one. */
export type Log = {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
};

export const logLevels = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof logLevels)[number];

/** Those that JSON leaves as they are, though terminals and readers of lines act on them. */
const controls = /[\u007f-\u009f\u2028\u2029]/g;
const escaped = (control: string) => `\\u${control.charCodeAt(0).toString(16).padStart(4, "0")}`;

/** `write` gets one line without its end. */
export function createLog(service: string, level: LogLevel, write: (line: string) => void): Log {
  const from = logLevels.indexOf(level);
  const at = (name: LogLevel) => (message: string, fields?: LogFields) => {
    if (logLevels.indexOf(name) < from) return;
    const entry = { time: new Date().toISOString(), level: name, service, message, ...fields };
    write(JSON.stringify(entry).replaceAll(controls, escaped));
  };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

/** What of an error may be logged: its name and code. Messages of drivers may hold addresses with passwords. */
export function errorFields(error: unknown): LogFields {
  if (!(error instanceof Error)) return { error: typeof error };
  const code = (error as { code?: unknown }).code;
  return { error: error.name, code: typeof code === "string" || typeof code === "number" ? code : undefined };
}

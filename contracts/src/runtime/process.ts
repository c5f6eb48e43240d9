import type { Static, TObject } from "@sinclair/typebox";
import { problem, problemContentType } from "../public/problems.ts";
import { contradictions } from "../settings/contradictions.ts";
import { type Environment, loadSettings } from "../settings/load.ts";
import { misspeltSettings } from "../settings/misspelt.ts";
import { type LogLevel, type ProcessSettings, processProblems } from "../settings/process.ts";
import { inTime } from "./deadline.ts";
import { createLog, errorFields, type Log } from "./log.ts";
import { stopOnSignal } from "./stop-on-signal.ts";

/**
 * Reads the settings, creates the log, and logs a warning for whatever looks like a mistake. If settings are invalid, it
 * reports all of them and ends the process with EX_CONFIG of sysexits.h. Each of `rules` checks several settings
 * together and returns a sentence for each problem.
 */
export function settingsOrExit<S extends TObject>(
  service: string,
  schema: S,
  ...rules: ((env: Environment) => string[])[]
): { settings: Static<S>; log: Log } {
  const loaded = loadSettings(schema, Bun.env);
  const problems = loaded.kind === "wrong" ? loaded.problems : [];
  for (const rule of [processProblems, ...rules]) problems.push(...rule(Bun.env));
  if (loaded.kind === "wrong" || problems.length > 0) return exitForSettings(service, problems);
  const { settings } = loaded;
  const log = createLog(service, (settings as { LOG_LEVEL: LogLevel }).LOG_LEVEL, console.log);
  for (const warning of [...misspeltSettings(schema, Bun.env), ...contradictions(settings)])
    log.warn(warning);
  return { settings, log };
}

/** Ends the process because its settings are wrong: trying again would not help. */
export function exitForSettings(service: string, problems: string[]): never {
  const log = createLog(service, "info", console.error);
  for (const problem of problems) log.error(problem);
  process.exit(78);
}

/**
 * Opens something whose address is a setting, such as a database by its URL. Drivers parse it at once, and their errors
 * may contain the password, so this reports only what the setting must be.
 */
export function openOrExit<T>(service: string, schema: TObject, setting: string, open: () => T): T {
  try {
    return open();
  } catch {
    return exitForSettings(service, [`${setting} must be ${schema.properties[setting]?.description}.`]);
  }
}

/** Ends the process after a failure that nothing handles; its supervisor restarts it. */
export function fatalExit(log: Log): (what: string, error: unknown) => never {
  return (what, error) => {
    log.error("unexpected failure; the process exits", { part: what, ...errorFields(error) });
    process.exit(1);
  };
}

/** The part of an Elysia app that is used here. */
type App = {
  readonly server: {
    readonly port?: number | undefined;
    stop(closeConnections?: boolean): Promise<void>;
  } | null;
  listen(options: ReturnType<typeof serverOptions>): unknown;
};
type Runnable = {
  app: App;
  start(): Promise<void>;
  /** Called first when a stop begins: ends the requests that only wait for something to happen. */
  endWaits?(): void;
  stop(): Promise<void>;
};

type ServerOptions = {
  log: Log;
  settings: Pick<ProcessSettings, "HOST" | "PORT">;
  bodyBytesMax: number;
};

/**
 * The options for an app's `listen`. The app handles errors itself, but Elysia fails on a thrown value that is not an
 * error (`throw undefined`). Without `error`, Bun would then send a stack.
 */
export function serverOptions({ log, settings, bodyBytesMax }: ServerOptions) {
  return {
    hostname: settings.HOST,
    port: settings.PORT,
    maxRequestBodySize: bodyBytesMax,
    idleTimeout: 10,
    // Two processes on one port would silently share its connections.
    reusePort: false,
    development: false,
    error(error: unknown): Response {
      log.error("a request failed with an unhandled error", errorFields(error));
      const body = problem("internal", "An unexpected error on our side. Try again later.");
      return Response.json(body, { status: 500, headers: { "content-type": problemContentType } });
    },
  };
}

/** The part of the time for a stop that requests in flight may take. The service has the rest. */
export function drainMs(shutdownMs: number): number {
  return Math.min(shutdownMs / 4, 2_500);
}

/**
 * Runs a service until a signal ends it. The server listens before the service starts, so that /live and /ready respond
 * while dependencies are unavailable. A stop refuses new connections and lets requests in flight finish for at most
 * `drainMs`; then it closes their connections and stops the service. `stopWhen` receives a function that requests a stop
 * without a signal.
 */
export async function runService(
  service: Runnable,
  options: ServerOptions & {
    settings: ProcessSettings;
    drainMs?: number;
    stopWhen?: (stop: (why: string) => void) => void;
  },
): Promise<void> {
  const { log, settings, stopWhen } = options;
  const { HOST: host, PORT: port } = settings;
  const shutdownMs = settings.SHUTDOWN_SECONDS * 1_000;
  let isStopping = false;
  async function stop(): Promise<void> {
    isStopping = true;
    service.endWaits?.();
    const { server } = service.app;
    await inTime(server?.stop() ?? Promise.resolve(), options.drainMs ?? drainMs(shutdownMs)).catch(() => {
      log.warn("requests in flight did not finish in time; their connections are closed");
      void server?.stop(true);
    });
    await service.stop();
  }
  const requestStop = stopOnSignal({ log, deadlineMs: shutdownMs, stop });
  stopWhen?.(requestStop);
  for (const event of ["unhandledRejection", "uncaughtException"] as const) {
    process.on(event, (error) => fatalExit(log)(event, error));
  }
  try {
    service.app.listen(serverOptions(options));
  } catch (error) {
    const fields = { host, port, ...errorFields(error) };
    log.error("cannot listen: PORT is in use, or HOST is not an address of this machine", fields);
    process.exit(1);
  }
  log.info("listening", { host, port: service.app.server?.port });
  await service.start();
  if (!isStopping) log.info("ready");
}

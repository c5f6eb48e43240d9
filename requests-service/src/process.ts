import { problem, problemContentType } from "@sate/contracts";
import type { Static, TObject } from "@sinclair/typebox";
import { loadEnvironment } from "./environment.ts";
import { inTime } from "./in-time.ts";
import { createLog, errorFields, type Log } from "./log.ts";

/** What is wrong with settings that are right one by one, a sentence each. */
export type Check = (env: Record<string, string | undefined>) => string[];

/** Reads the settings, or names all mistakes and ends the process with EX_CONFIG of sysexits.h. */
export function settingsOrExit<S extends TObject>(service: string, schema: S, ...checks: Check[]): Static<S> {
  const loaded = loadEnvironment(schema, Bun.env);
  const together = checks.flatMap((check) => check(Bun.env));
  if (loaded.kind === "loaded" && together.length === 0) return loaded.settings;
  return exitForSettings(service, [...(loaded.kind === "wrong" ? loaded.problems : []), ...together]);
}

/** Ends the process because its settings are wrong: trying again would not help. */
export function exitForSettings(service: string, problems: string[]): never {
  const log = createLog(service, "info", console.error);
  for (const problem of problems) log.error(problem);
  process.exit(78);
}

/** A part of the service ended that must not end: the process ends, and whoever watches it starts it again. */
export function fatalExit(log: Log): (what: string, error: unknown) => never {
  return (what, error) => {
    log.error("a part ended unexpectedly; the process ends with it", { part: what, ...errorFields(error) });
    process.exit(1);
  };
}

const closeMs = 1_000;

export type Runnable = {
  app: {
    listen(options: ReturnType<typeof serverOptions>): unknown;
    server: { port?: number | undefined; stop(closeConnections?: boolean): Promise<void> } | null;
  };
  start(): Promise<void>;
  stop(): Promise<void>;
};

/**
 * What an app's `listen` gets. Errors are the app's to answer; but Elysia stumbles over one that is none
 * (`throw undefined`), and then Bun would show a stack.
 */
export function serverOptions(options: { log: Log; host: string; port: number; bodyBytesMax: number }) {
  const { log, host, port, bodyBytesMax } = options;
  return {
    hostname: host,
    port,
    maxRequestBodySize: bodyBytesMax,
    idleTimeout: 10,
    // Two processes on one port would share its connections, and nobody would know.
    reusePort: false,
    development: false,
    error(error: unknown): Response {
      log.error("an error that the app could not answer", errorFields(error));
      const body = JSON.stringify(problem("internal", "An unexpected error on our side. Try again later."));
      return new Response(body, { status: 500, headers: { "content-type": problemContentType } });
    },
  };
}

/**
 * Runs a service until SIGTERM or SIGINT, then exits with 0; with 1 if the stop takes longer than its
 * deadline. The door opens before the start, so that /live and /ready can be asked while dependencies are
 * still away, and closes after the stop.
 */
export async function runService(
  service: Runnable,
  options: { log: Log; host: string; port: number; shutdownMs: number; bodyBytesMax: number },
): Promise<void> {
  const { log, host, port, shutdownMs } = options;
  let isStopping = false;
  async function stop(signal: string): Promise<void> {
    if (isStopping) return;
    isStopping = true;
    log.info("stopping", { signal });
    setTimeout(() => {
      log.error("the stop took too long");
      process.exit(1);
    }, shutdownMs).unref();
    await service.stop();
    // Answers on their way need a moment; connections that are idle would hold it up until they time out.
    await inTime(service.app.server?.stop() ?? Promise.resolve(), closeMs).catch(() => {});
    log.info("stopped");
    process.exit(0);
  }
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => void stop(signal));
  for (const event of ["unhandledRejection", "uncaughtException"] as const) {
    process.on(event, (error) => fatalExit(log)(event, error));
  }
  try {
    service.app.listen(serverOptions(options));
  } catch (error) {
    log.error("cannot listen there: set HOST and PORT to a free address", {
      host,
      port,
      ...errorFields(error),
    });
    process.exit(1);
  }
  log.info("listening", { host, port: service.app.server?.port });
  await service.start();
  if (!isStopping) log.info("ready");
}

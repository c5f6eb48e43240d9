import { problem, problemContentType } from "@sate/contracts";
import type { Static, TObject } from "@sinclair/typebox";
import { inTime } from "./deadline.ts";
import { loadSettings } from "./load-settings.ts";
import { createLog, errorFields, type Log } from "./log.ts";
import { stopOnSignal } from "./stop-on-signal.ts";

/** What is wrong with settings that are right one by one, a sentence each. */
export type Check = (env: Record<string, string | undefined>) => string[];

/** Reads the settings, or names all mistakes and ends the process with EX_CONFIG of sysexits.h. */
export function settingsOrExit<S extends TObject>(service: string, schema: S, ...checks: Check[]): Static<S> {
  const loaded = loadSettings(schema, Bun.env);
  const together = [checkTls, ...checks].flatMap((check) => check(Bun.env));
  if (loaded.kind === "loaded" && together.length === 0) return loaded.settings;
  return exitForSettings(service, [...(loaded.kind === "wrong" ? loaded.problems : []), ...together]);
}

/** With this variable the runtime would trust whoever answers, without a word. */
const checkTls: Check = ({ NODE_TLS_REJECT_UNAUTHORIZED: trusts = "" }) => {
  if (trusts !== "0" && trusts !== "false") return [];
  return [
    "NODE_TLS_REJECT_UNAUTHORIZED must not be 0: name your own authority in NODE_EXTRA_CA_CERTS instead.",
  ];
};

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

export type Runnable = {
  app: {
    listen(options: ReturnType<typeof serverOptions>): unknown;
    server: { port?: number | undefined; stop(): Promise<void> } | null;
  };
  start(): Promise<void>;
  stop(): Promise<void>;
};

export type ServerOptions = { log: Log; host: string; port: number; bodyBytesMax: number };

/**
 * What an app's `listen` gets. Errors are the app's to handle; but Elysia stumbles over one that is none
 * (`throw undefined`), and then Bun would show a stack.
 */
export function serverOptions({ log, host, port, bodyBytesMax }: ServerOptions) {
  return {
    hostname: host,
    port,
    maxRequestBodySize: bodyBytesMax,
    idleTimeout: 10,
    // Two processes on one port would share its connections, and nobody would know.
    reusePort: false,
    development: false,
    error(error: unknown): Response {
      log.error("an error that the app could not handle", errorFields(error));
      const body = problem("internal", "An unexpected error on our side. Try again later.");
      return Response.json(body, { status: 500, headers: { "content-type": problemContentType } });
    },
  };
}

/** Of the time for a stop, what requests in flight may take; the rest is the service's. */
export function drainMs(shutdownMs: number): number {
  return Math.min(shutdownMs / 4, 2_500);
}

/**
 * Runs a service until a signal ends it. The server listens before the start, so that /live and /ready can be
 * asked while dependencies are away. At a stop it refuses connections and lets the requests in flight end; only
 * then the service stops, so nothing calls it any more.
 */
export async function runService(
  service: Runnable,
  options: ServerOptions & { shutdownMs: number },
): Promise<void> {
  const { log, host, port, shutdownMs } = options;
  let isStopping = false;
  async function stop(): Promise<void> {
    isStopping = true;
    const drained = service.app.server?.stop() ?? Promise.resolve();
    await inTime(drained, drainMs(shutdownMs)).catch(() => log.warn("requests in flight are cut off"));
    await service.stop();
  }
  stopOnSignal({ log, deadlineMs: shutdownMs, stop });
  for (const event of ["unhandledRejection", "uncaughtException"] as const) {
    process.on(event, (error) => fatalExit(log)(event, error));
  }
  try {
    service.app.listen(serverOptions(options));
  } catch (error) {
    const fields = { host, port, ...errorFields(error) };
    log.error("cannot listen there: set HOST and PORT to a free address", fields);
    process.exit(1);
  }
  log.info("listening", { host, port: service.app.server?.port });
  await service.start();
  if (!isStopping) log.info("ready");
}

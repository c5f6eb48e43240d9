import { type ResultsApi, resultsApi } from "@sate/contracts";
import { createApp } from "./app.ts";
import { resultCommands } from "./commands.ts";
import type { Counters } from "./counters.ts";
import { createHealth } from "./health.ts";
import type { Log } from "./log.ts";
import { createLoop } from "./loop.ts";
import type { ResultsReader } from "./ports.ts";

export type { Page, ResultsReader } from "./ports.ts";

export type Config = { serviceToken: string };

export type Ports = {
  reader: ResultsReader;
  log: Log;
  counters: Counters;
  /** A loop ended unexpectedly: the process must not go on as if it were well. */
  fatal: (what: string, error: unknown) => void;
};

const pingMs = 2_000;

/**
 * The only reader of the Results DB. `commands` is its internal API as functions; `app` the same over HTTP.
 * `start` resolves when it is ready, however long the database takes; `stop` is safe at any time, and twice.
 * `complaints` says, a sentence each, why it is not ready.
 */
export function createResultsService({ reader, log, counters, fatal }: Ports, config: Config) {
  let state: "new" | "starting" | "running" = "new";
  let stopped: Promise<void> | null = null;
  const stopping = new AbortController();
  const health = createHealth(log);
  const commands: ResultsApi = resultCommands(reader);
  const complaint = "The Results DB does not answer.";
  const pings = createLoop({
    name: "ping of the Results DB",
    pauseMs: pingMs,
    turn: () => health.turn("results", reader.ping, complaint),
    fatal,
  });

  return {
    commands,

    app: createApp(resultsApi, commands, { serviceToken: config.serviceToken, complaints, counters, log }),

    complaints,

    async start(): Promise<void> {
      if (state !== "new" || stopped !== null) return;
      state = "starting";
      await health.insist("results", reader.open, complaint, stopping.signal);
      if (stopping.signal.aborted) return;
      pings.start();
      state = "running";
    },

    stop(): Promise<void> {
      stopping.abort();
      stopped ??= shutDown();
      return stopped;
    },
  };

  async function shutDown(): Promise<void> {
    await pings.stop();
    await reader.close();
  }

  function complaints(): string[] {
    if (stopped !== null) return ["It is stopping."];
    const all = [...health.complaints(), pings.complaint() ?? []].flat();
    return state === "running" ? all : ["It is starting.", ...all];
  }
}

import { type ResultsApi, resultsApi } from "@sate/contracts";
import { type Counters, createLifecycle, type Log } from "@sate/contracts/runtime";
import type { ResultsReader } from "./ports.ts";
import { readResults } from "./read-results.ts";
import { commandRoutes } from "./runtime/command-routes.ts";
import { createInternalApp } from "./runtime/internal-app.ts";

export type Config = { serviceToken: string };

export type Ports = {
  reader: ResultsReader;
  log: Log;
  counters: Counters;
};

const databaseDown = "The Results DB does not respond.";

/**
 * The only reader of the Results DB. `commands` is its internal API as functions, `app` the same over HTTP. `start`
 * resolves when it is ready, however long the database takes; `stop` is safe at any time, and twice. `notReadyReasons`
 * says why it is not ready.
 */
export function createResultsService({ reader, log, counters }: Ports, { serviceToken }: Config) {
  const commands: ResultsApi = readResults(reader);
  const { notReadyReasons, start, stop } = createLifecycle({
    log,
    dependencies: [{ name: "results", probe: reader.ping, reason: databaseDown }],
    onStart: (connect) => connect("results", reader.open, databaseDown),
    onStop: reader.close,
  });
  const routes = commandRoutes(resultsApi, commands);
  const app = createInternalApp({ serviceToken, notReadyReasons, counters, log, routes });
  return { commands, app, notReadyReasons, start, stop };
}

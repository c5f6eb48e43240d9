import type { Database } from "bun:sqlite";
import { sqliteResultsReader } from "../src/adapters/results-sqlite.ts";
import { createResultsService } from "../src/index.ts";
import { type ResultsReader, Unavailable } from "../src/ports.ts";
import { createLog } from "../src/runtime/log.ts";
import { createCounters } from "../src/runtime/metrics.ts";

export const serviceToken = "0123456789abcdef";

/** A service on a real database, whose answers can be kept away. */
export function serviceOn(file: { db: Database }, parts: Partial<ResultsReader> = {}) {
  const counters = createCounters();
  const lines: string[] = [];
  const database = { isAway: false };
  const real = { ...sqliteResultsReader(file), ...parts };
  const fragile = <A extends unknown[], T>(call: (...args: A) => Promise<T>) => {
    return async (...args: A): Promise<T> => {
      if (database.isAway) throw new Unavailable("The Results DB is away.");
      return call(...args);
    };
  };
  const service = createResultsService(
    {
      reader: {
        ofRequest: fragile(real.ofRequest),
        ofExecution: fragile(real.ofExecution),
        recorded: fragile(real.recorded),
        open: fragile(real.open),
        ping: fragile(real.ping),
        close: real.close,
      },
      log: createLog("results-service", "debug", (line) => lines.push(line)),
      counters,
    },
    { serviceToken },
  );
  return { service, database, counters, lines };
}

import type { Database } from "bun:sqlite";
import { Unavailable } from "@sate/contracts";
import { createCounters, createLog } from "@sate/contracts/runtime";
import { sqliteResultsReader } from "../src/adapters/sqlite/reader.ts";
import { createResultsService } from "../src/index.ts";

export const serviceToken = "0123456789abcdef";

/** A service on a real database that can be made unavailable. */
export function serviceOn(file: { db: Database }) {
  const database = { isAway: false };
  const real = sqliteResultsReader(file);
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
        deadLetters: { list: fragile(real.deadLetters.list), get: fragile(real.deadLetters.get) },
        open: fragile(real.open),
        ping: fragile(real.ping),
        close: real.close,
      },
      log: createLog("results-service", "error", console.error),
      counters: createCounters(),
    },
    { serviceToken },
  );
  return { service, database };
}

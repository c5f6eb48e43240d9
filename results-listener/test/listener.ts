import {
  type Consumer,
  type DeadLetterDocument,
  type ResultRecord,
  type ResultRow,
  resultOf,
  Unavailable,
} from "@sate/contracts";
import { createCounters, createLog } from "@sate/contracts/runtime";
import { sqliteResultsWriter } from "../src/adapters/sqlite/writer.ts";
import { createResultsListener } from "../src/index.ts";
import type { ResultsWriter } from "../src/ports.ts";
import { fakeConsumer } from "./fakes/consumer.ts";
import { fakePublisher } from "./fakes/publisher.ts";
import { sqliteFile } from "./sqlite-file.ts";

export const serviceToken = "0123456789abcdef";

/** A Results DB on SQLite, for one listener after the other. */
export function resultsFile() {
  const file = sqliteFile();
  const { db } = file;
  return {
    ...file,
    results: (): ResultRecord[] =>
      db
        .query<ResultRow, []>("SELECT * FROM results WHERE removed_at IS NULL ORDER BY rowid")
        .all()
        .map(resultOf),
    deadLetters: () => db.query<DeadLetterDocument, []>("SELECT * FROM dead_letters ORDER BY rowid").all(),
    [Symbol.dispose]: () => db.close(),
  };
}

/** A listener with a fake consumer, a fake publisher and a real database that can be made unavailable. */
export function listenerOn(
  file: ReturnType<typeof resultsFile>,
  parts: Partial<ResultsWriter> & { consumer?: Consumer; deadLettersKeptMs?: number } = {},
) {
  const counters = createCounters();
  const lines: { level: string; message: string; [field: string]: unknown }[] = [];
  const log = createLog("results-listener", "debug", (line) => lines.push(JSON.parse(line)));
  const consumer = fakeConsumer();
  const publisher = fakePublisher();
  const database = { isAway: false, loses: "nothing" as "nothing" | "responses" };
  const { consumer: realConsumer = consumer, deadLettersKeptMs = 0, ...writer } = parts;
  const real = { ...sqliteResultsWriter(file), ...writer };

  /** Away: the call has no effect. Losing responses: it has its effect, but rejects. */
  function fragile<A extends unknown[], T>(call: (...args: A) => Promise<T>): (...args: A) => Promise<T> {
    return async (...args) => {
      if (database.isAway) throw new Unavailable("The Results DB is away.");
      const response = await call(...args);
      if (database.loses === "responses") throw new Unavailable("The response is lost.");
      return response;
    };
  }

  const listener = createResultsListener(
    {
      writer: {
        recordResults: fragile(real.recordResults),
        storeDeadLetters: fragile(real.storeDeadLetters),
        removeResults: fragile(real.removeResults),
        removedRequests: (ids) =>
          database.isAway ? fragile(real.removedRequests)(ids) : real.removedRequests(ids),
        removeDeadLetters: fragile(real.removeDeadLetters),
        removeDeadLettersOf: fragile(real.removeDeadLettersOf),
        removeDeadLettersBefore: fragile(real.removeDeadLettersBefore),
        now: fragile(real.now),
        open: fragile(real.open),
        ping: fragile(real.ping),
        close: real.close,
      },
      consumer: realConsumer,
      publisher,
      log,
      counters,
      fatal(what, error) {
        throw new Error(`${what}: ${error}`);
      },
    },
    { serviceToken, deadLettersKeptMs },
  );
  return { listener, consumer, publisher, database, counters, lines };
}

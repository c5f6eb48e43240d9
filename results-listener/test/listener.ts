import { type DeadLetterDocument, type ResultRecord, type ResultRow, resultOf } from "@sate/contracts";
import { sqliteResultsWriter } from "../src/adapters/results-sqlite.ts";
import { createResultsListener } from "../src/index.ts";
import { type Consumer, type ResultsWriter, Unavailable } from "../src/ports.ts";
import { createLog } from "../src/runtime/log.ts";
import { createCounters } from "../src/runtime/metrics.ts";
import { fakeConsumer } from "./fakes/consumer.ts";
import { fakePublisher } from "./fakes/publisher.ts";
import { sqliteFile } from "./sqlite-file.ts";

export const serviceToken = "0123456789abcdef";

/** A Results DB on SQLite, where one listener after the other may live. */
export function resultsFile() {
  const file = sqliteFile();
  const { db } = file;
  return {
    ...file,
    results: (): ResultRecord[] =>
      db.query<ResultRow, []>("SELECT * FROM results ORDER BY rowid").all().map(resultOf),
    letters: () => db.query<DeadLetterDocument, []>("SELECT * FROM dead_letters ORDER BY rowid").all(),
    [Symbol.dispose]: () => db.close(),
  };
}

/** A listener between a fake consumer, a fake publisher and a real database, whose answers can be kept away. */
export function listenerOn(
  file: ReturnType<typeof resultsFile>,
  parts: Partial<ResultsWriter> & { consumer?: Consumer } = {},
) {
  const counters = createCounters();
  const lines: { level: string; message: string; [field: string]: unknown }[] = [];
  const log = createLog("results-listener", "debug", (line) => lines.push(JSON.parse(line)));
  const consumer = fakeConsumer();
  const publisher = fakePublisher();
  const database = { isAway: false, loses: "nothing" as "nothing" | "answers" };
  const { consumer: realConsumer = consumer, ...writer } = parts;
  const real = { ...sqliteResultsWriter(file), ...writer };

  /** Away: nothing happens. Losing answers: it happens, and nobody hears of it. */
  function fragile<A extends unknown[], T>(call: (...args: A) => Promise<T>): (...args: A) => Promise<T> {
    return async (...args) => {
      if (database.isAway) throw new Unavailable("The Results DB is away.");
      const answer = await call(...args);
      if (database.loses === "answers") throw new Unavailable("The answer is lost.");
      return answer;
    };
  }

  const listener = createResultsListener(
    {
      writer: {
        record: fragile(real.record),
        keep: fragile(real.keep),
        open: fragile(real.open),
        ping: fragile(real.ping),
        close: real.close,
      },
      consumer: realConsumer,
      publisher,
      log,
      counters,
    },
    { serviceToken },
  );
  return { listener, consumer, publisher, database, counters, lines };
}

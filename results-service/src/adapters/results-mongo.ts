import {
  executionKey,
  type ResultDocument,
  resultKeysAfter,
  resultOf,
  resultsCollections,
} from "@sate/contracts";
import { type Filter, MongoClient } from "mongodb";
import { openPage } from "../page.ts";
import { type Bounds, type Page, type ResultsReader, Unavailable } from "../ports.ts";
import { inTime } from "../runtime/deadline.ts";
import type { Counters } from "../runtime/metrics.ts";

export type MongoResultsReaderOptions = { url: string; counters: Counters; deadlineMs?: number };

/**
 * A `ResultsReader` on MongoDB, or anything that speaks its protocol. It reads from the primary unless the
 * URL says otherwise (`?readPreference=secondaryPreferred`): a secondary may not yet have what was just
 * recorded.
 */
export function mongoResultsReader(options: MongoResultsReaderOptions): ResultsReader {
  const { url, counters, deadlineMs = 5_000 } = options;
  const client = new MongoClient(url, {
    // timeoutMS would have no effect in this version: the deadline is ours, and the socket's ends the connection.
    socketTimeoutMS: deadlineMs,
    waitQueueTimeoutMS: deadlineMs,
    serverSelectionTimeoutMS: Math.min(3_000, deadlineMs),
    connectTimeoutMS: Math.min(3_000, deadlineMs),
    maxPoolSize: 32,
    retryReads: false,
    readConcern: { level: "majority" },
    monitorCommands: true,
  });
  client.on("commandStarted", () => counters.add("mongo_commands"));
  const db = client.db();
  const results = db.collection<ResultDocument>(resultsCollections.results);
  let isClosed = false;

  /** Every failure of the driver becomes `Unavailable`: its own messages may hold addresses and passwords. */
  function guarded<A extends unknown[], T>(call: (...args: A) => Promise<T>): (...args: A) => Promise<T> {
    return async (...args) => {
      if (isClosed) throw new Unavailable("The Results DB is closed.");
      try {
        return await inTime(call(...args), deadlineMs);
      } catch (cause) {
        throw new Unavailable("The Results DB did not answer, or not in time.", { cause });
      }
    };
  }

  /** A server answers in batches of at most 16 MiB; after the last result that fits, no other is asked for. */
  async function pageOf(filter: Filter<ResultDocument>, bounds: Bounds): Promise<Page> {
    const page = openPage(bounds);
    const cursor = results
      .find(filter)
      .sort({ _id: 1 })
      .limit(bounds.limit + 1);
    for await (const document of cursor) if (!page.take(resultOf(document))) break;
    return page.read();
  }

  return {
    ofRequest: guarded(({ requestId, afterAttempt, ...bounds }) =>
      pageOf({ _id: between(requestId, afterAttempt) }, bounds),
    ),
    ofExecution: guarded(({ requestId, executionId, ...bounds }) =>
      pageOf({ _id: between(requestId, 0), execution_id: executionId }, bounds),
    ),
    recorded: guarded(async (executions) => {
      if (executions.length === 0) return [];
      const keys = executions.map(({ request_id, attempt }) => executionKey(request_id, attempt));
      // Answered by the index alone, in one batch: documents, with their outputs, are not touched.
      const found = await results
        .find({ _id: { $in: keys } }, { projection: { _id: 1 }, batchSize: keys.length + 1 })
        .toArray();
      const there = new Set(found.map(({ _id }) => _id));
      return keys.map((key) => there.has(key));
    }),
    open: guarded(async () => {
      await client.connect();
      await db.command({ ping: 1 });
    }),
    ping: guarded(async () => {
      await db.command({ ping: 1 });
    }),
    async close() {
      isClosed = true;
      // What does not close in time ends with the process.
      await inTime(client.close(), 2_000).catch(() => {});
    },
  };
}

function between(requestId: string, afterAttempt: number) {
  const { above, below } = resultKeysAfter(requestId, afterAttempt);
  return { $gt: above, $lt: below };
}

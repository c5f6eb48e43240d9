import {
  executionKey,
  limits,
  type ResultDocument,
  resultOf,
  resultsCollections,
  Unavailable,
} from "@sate/contracts";
import { type Counters, inTime } from "@sate/contracts/runtime";
import { type FindOptions, MongoClient } from "mongodb";
import { pageWithinBytes } from "../../page-within-bytes.ts";
import { gapMax, type ResultsReader } from "../../ports.ts";

export type MongoResultsReaderOptions = { url: string; counters: Counters; deadlineMs?: number };

/** Twice the gap, so that a request with fewer than `gapMax` results takes one command. */
const keysPerRead = 2 * gapMax;

/**
 * A `ResultsReader` on MongoDB or a compatible server. It reads from the primary unless the URL says otherwise
 * (`?readPreference=secondaryPreferred`): a secondary may not yet have the latest results.
 */
export function mongoResultsReader(options: MongoResultsReaderOptions): ResultsReader {
  const { url, counters, deadlineMs = 5_000 } = options;
  const client = new MongoClient(url, {
    // This version ignores timeoutMS. `guarded` sets the deadline; the socket's timeout ends the connection.
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

  /** Every failure of the driver becomes `Unavailable`: the driver's own messages may contain addresses and passwords. */
  function guarded<A extends unknown[], T>(call: (...args: A) => Promise<T>): (...args: A) => Promise<T> {
    return async (...args) => {
      if (isClosed) throw new Unavailable("The Results DB is closed.");
      try {
        return await inTime(call(...args), deadlineMs);
      } catch (cause) {
        throw new Unavailable("The Results DB did not respond in time.", { cause });
      }
    };
  }

  /**
   * Results by attempt, looked up by key, because not every compatible server has an index for a range of keys.
   * Attempts are consecutive, so it ends when more than `gapMax` of them in a row have no result.
   */
  async function* resultsAfter(requestId: string, afterAttempt: number, options: FindOptions) {
    let last = afterAttempt;
    for (let read = last; read < limits.attemptMax && read - last <= gapMax; read += keysPerRead) {
      const keys = Array.from({ length: keysPerRead }, (_, index) =>
        executionKey(requestId, read + index + 1),
      );
      const cursor = results.find({ _id: { $in: keys } }, { ...options, sort: { _id: 1 } });
      for await (const result of cursor) {
        last = result.attempt;
        yield result;
      }
    }
  }

  return {
    ofRequest: guarded(async (requestId, afterAttempt, bounds) => {
      const page = pageWithinBytes(bounds);
      // A server responds in batches of at most 16 MiB; after the last result that fits, no other batch is requested.
      for await (const result of resultsAfter(requestId, afterAttempt, { limit: bounds.limit + 1 })) {
        if (!page.take(resultOf(result))) break;
      }
      return page.read();
    }),
    ofExecution: guarded(async (requestId, executionId) => {
      // Payloads and outputs stay in the database until the attempt is known.
      const projection = { attempt: 1, execution_id: 1 };
      for await (const { _id, execution_id } of resultsAfter(requestId, 0, { projection })) {
        if (execution_id !== executionId) continue;
        const result = await results.findOne({ _id });
        return result && resultOf(result);
      }
      return null;
    }),
    recorded: guarded(async (executions) => {
      if (executions.length === 0) return [];
      const keys = executions.map(({ request_id, attempt }) => executionKey(request_id, attempt));
      // A covered query, in one batch: the documents, with their outputs, are not read.
      const found = await results
        .find({ _id: { $in: keys } }, { projection: { _id: 1 }, batchSize: keys.length + 1 })
        .toArray();
      const recorded = new Set(found.map(({ _id }) => _id));
      return keys.map((key) => recorded.has(key));
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
      // A connection that does not close in time ends with the process.
      await inTime(client.close(), 2_000).catch(() => {});
    },
  };
}

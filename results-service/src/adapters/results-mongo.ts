import { executionKey, limits, type ResultDocument, resultRecord, resultsCollections } from "@sate/contracts";
import { MongoClient } from "mongodb";
import type { Counters } from "../counters.ts";
import { type ResultsReader, Unavailable } from "../ports.ts";

/** A `ResultsReader` on MongoDB, or anything that speaks its protocol, for a user that may only read. */
export function mongoResultsReader(options: {
  url: string;
  counters: Counters;
  deadlineMs?: number;
}): ResultsReader {
  const { url, counters, deadlineMs = 5_000 } = options;
  const client = new MongoClient(url, {
    timeoutMS: deadlineMs,
    serverSelectionTimeoutMS: Math.min(3_000, deadlineMs),
    connectTimeoutMS: Math.min(3_000, deadlineMs),
    maxPoolSize: 32,
    retryReads: false,
    readPreference: "primary",
    readConcern: { level: "majority" },
    monitorCommands: true,
  });
  client.on("commandStarted", () => counters.add("mongo_commands"));
  const db = client.db();
  const results = db.collection<ResultDocument>(resultsCollections.results);

  return {
    ofRequest: guarded(async ({ requestId, afterAttempt, limit }) => {
      const after = executionKey(requestId, afterAttempt);
      const last = executionKey(requestId, limits.attemptMax);
      const found = await results
        .find({ _id: { $gt: after, $lte: last } })
        .sort({ _id: 1 })
        .limit(limit)
        .toArray();
      return found.map(resultRecord);
    }),
    ofExecution: guarded(async ({ requestId, executionId }) => {
      const first = executionKey(requestId, 1);
      const last = executionKey(requestId, limits.attemptMax);
      const found = await results
        .find({ _id: { $gte: first, $lte: last }, execution_id: executionId })
        .limit(1)
        .toArray();
      return found.map(resultRecord);
    }),
    open: guarded(async () => {
      await client.connect();
      await db.command({ ping: 1 });
    }),
    ping: guarded(async () => {
      await db.command({ ping: 1 });
    }),
    close: () => client.close(),
  };
}

/** Every failure of the driver becomes `Unavailable`: its own messages may hold addresses and passwords. */
function guarded<A extends unknown[], T>(call: (...args: A) => Promise<T>): (...args: A) => Promise<T> {
  return async (...args) => {
    try {
      return await call(...args);
    } catch (cause) {
      throw new Unavailable("The Results DB did not answer, or not in time.", { cause });
    }
  };
}

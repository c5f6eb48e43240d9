import {
  type DeadLetterDocument,
  executionKey,
  limits,
  type ResultDocument,
  resultOf,
  resultsCollections,
} from "@sate/contracts";
import { type Counters, mongoCalls, mongoOptions } from "@sate/contracts/runtime";
import { type FindOptions, MongoClient } from "mongodb";
import { pageOf } from "../../page.ts";
import { gapMax, type ResultsReader } from "../../ports.ts";
import { mongoDeadLetters } from "./dead-letters.ts";

type MongoResultsReaderOptions = { url: string; counters: Counters; deadlineMs?: number };

/** Twice the gap, so that a request with fewer than `gapMax` results takes one command. */
const keysPerRead = 2 * gapMax;

/**
 * A `ResultsReader` on MongoDB or a compatible server. It reads from the primary unless the URL says otherwise
 * (`?readPreference=secondaryPreferred`): a secondary may not yet have the latest results.
 */
export function mongoResultsReader(options: MongoResultsReaderOptions): ResultsReader {
  const { url, counters, deadlineMs = 5_000 } = options;
  const client = new MongoClient(url, { ...mongoOptions(deadlineMs), maxPoolSize: 32 });
  const { guarded, ping, close } = mongoCalls(client, { database: "the Results DB", deadlineMs, counters });
  const results = client.db().collection<ResultDocument>(resultsCollections.results);

  /**
   * Results by attempt, looked up by key, because not every compatible server has an index for a range of keys.
   * Attempts are consecutive, so it ends when more than `gapMax` of them in a row have no result. Tombstones of removed
   * results are passed over, and are no gap.
   */
  async function* resultsAfter(requestId: string, afterAttempt: number, options: FindOptions) {
    let last = afterAttempt;
    for (let read = last; read < limits.attemptMax && read - last <= gapMax; ) {
      const keys = Array.from({ length: keysPerRead }, (_, index) =>
        executionKey(requestId, read + index + 1),
      );
      const cursor = results.find({ _id: { $in: keys } }, { ...options, sort: { _id: 1 } });
      let found = 0;
      for await (const result of cursor) {
        found++;
        last = result.attempt;
        if (result.removed_at === undefined) yield result;
      }
      // If the limit has cut the list, and some were tombstones, the rest of these keys is read next.
      read = found === options.limit ? last : read + keysPerRead;
    }
  }

  return {
    // A server responds in batches of at most 16 MiB; after the last result that fits, no other batch is requested.
    ofRequest: guarded((requestId, afterAttempt, bounds) =>
      pageOf(resultsAfter(requestId, afterAttempt, { limit: bounds.limit + 1 }), bounds),
    ),
    ofExecution: guarded(async (requestId, executionId) => {
      // Payloads and outputs stay in the database until the attempt is known.
      const projection = { attempt: 1, execution_id: 1, removed_at: 1 };
      for await (const { _id, execution_id } of resultsAfter(requestId, 0, { projection })) {
        if (execution_id !== executionId) continue;
        // Not a tombstone, by which it may have been replaced since: that has no execution id.
        const result = await results.findOne({ _id, execution_id });
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
    deadLetters: mongoDeadLetters(
      client.db().collection<DeadLetterDocument>(resultsCollections.deadLetters),
      guarded,
    ),
    open: guarded(async () => {
      await client.connect();
      await ping();
    }),
    ping,
    close,
  };
}

import {
  type DeadLetterDocument,
  deadLettersIndexes,
  type ResultDocument,
  resultDocument,
  resultsCollections,
} from "@sate/contracts";
import { type Counters, mongoCalls, mongoOptions } from "@sate/contracts/runtime";
import { MongoClient } from "mongodb";
import type { Recorded, ResultsWriter } from "../../ports.ts";
import { insertEach } from "./insert-each.ts";
import { mongoRemovals } from "./removals.ts";

type MongoResultsWriterOptions = { url: string; counters: Counters; deadlineMs?: number };

/** A `ResultsWriter` on MongoDB or a compatible server, by unordered inserts under unique keys. */
export function mongoResultsWriter(options: MongoResultsWriterOptions): ResultsWriter {
  const { url, counters, deadlineMs = 5_000 } = options;
  const connection = { ...mongoOptions(deadlineMs), maxPoolSize: 8, readPreference: "primary" } as const;
  const client = new MongoClient(url, connection);
  const { guarded, ping, close } = mongoCalls(client, { database: "the Results DB", deadlineMs, counters });
  const db = client.db();
  const results = db.collection<ResultDocument>(resultsCollections.results);
  const deadLetters = db.collection<DeadLetterDocument>(resultsCollections.deadLetters);

  return {
    recordResults: guarded(async (wanted) => {
      const documents = wanted.map(resultDocument);
      const failures = await insertEach(results, documents);
      const taken = documents.filter((_, index) => failures[index] === "taken").map(({ _id }) => _id);
      const projection = { id: 1, execution_id: 1, removed_at: 1 };
      const found = results.find({ _id: { $in: [...new Set(taken)] } }, { projection });
      const stored = new Map(
        taken.length === 0 ? [] : (await found.toArray()).map((result) => [result._id, result]),
      );
      return documents.map(({ _id, id, execution_id }, index): Recorded => {
        const failure = failures[index];
        if (failure !== "taken") return failure ?? "stored";
        const first = stored.get(_id);
        // Written by another a moment ago, and not by the majority yet: it may still be undone.
        if (first === undefined) throw new Error("what is stored cannot be read yet");
        if (first.removed_at !== undefined) return "removed";
        return first.id === id && first.execution_id === execution_id ? "repeated" : "conflicting";
      });
    }),
    storeDeadLetters: guarded(async (documents) => {
      const failures = await insertEach(deadLetters, documents);
      return documents.map((_, index) => failures[index] !== "refused");
    }),
    ...mongoRemovals({ db, results, deadLetters }, guarded),
    open: guarded(async () => {
      await client.connect();
      for (const index of deadLettersIndexes) await deadLetters.createIndex(index);
    }),
    ping,
    close,
  };
}

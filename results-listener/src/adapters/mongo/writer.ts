import {
  type DeadLetterDocument,
  deadLettersIndexes,
  type ResultDocument,
  resultDocument,
  resultsCollections,
} from "@sate/contracts";
import { type Counters, mongoCalls, mongoOptions } from "@sate/contracts/runtime";
import { BSON, type Collection, MongoBulkWriteError, MongoClient } from "mongodb";
import type { Recorded, ResultsWriter } from "../../ports.ts";

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
      const projection = { id: 1, execution_id: 1 };
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
        return first.id === id && first.execution_id === execution_id ? "repeated" : "conflicting";
      });
    }),
    storeDeadLetters: guarded(async (documents) => {
      const failures = await insertEach(deadLetters, documents);
      return documents.map((_, index) => failures[index] !== "refused");
    }),
    open: guarded(async () => {
      await client.connect();
      for (const index of deadLettersIndexes) await deadLetters.createIndex(index);
    }),
    ping,
    close,
  };
}

/** Why a document was not inserted: its key is taken, or the database will never take it. */
type Failure = "taken" | "refused";

/**
 * Inserts each document whose key is free, in one command; none if there are no documents. Returns for each why it was
 * not inserted, if it was not. Rejects on any other failure: then all can be repeated.
 */
async function insertEach<D extends { _id: string }>(
  collection: Collection<D>,
  documents: D[],
): Promise<(Failure | undefined)[]> {
  const failures = documents.map((document): Failure | undefined =>
    BSON.calculateObjectSize(document) > documentBytesMax ? "refused" : undefined,
  );
  const fitting = [...documents.keys()].filter((index) => failures[index] === undefined);
  if (fitting.length === 0) return failures;
  try {
    const batch = fitting.map((index) => documents[index]);
    await collection.insertMany(batch as never[], { ordered: false });
  } catch (error) {
    if (!(error instanceof MongoBulkWriteError)) throw error;
    if (error.result.getWriteConcernError()) throw error;
    // Only the write errors are reliable: some servers return a wrong count of inserts. Without any, the driver has
    // wrapped a lost connection or the like into an error of this class, and nothing is certain.
    const writeErrors = [error.writeErrors].flat();
    if (writeErrors.length === 0) throw error;
    for (const { code, index } of writeErrors) {
      const failure = Number(code) === duplicateKey ? "taken" : refusals.has(Number(code)) ? "refused" : null;
      if (failure === null) throw error;
      failures[fitting[index] as number] = failure;
    }
  }
  return failures;
}

const duplicateKey = 11_000;

/** The driver rejects a whole batch because of one larger document, so such a document must not reach it. */
const documentBytesMax = 16 * 1024 * 1024;

/** MongoDB's codes for documents that it will never take: bad value, failed to parse, type mismatch, invalid BSON, dollar-prefixed or dotted or invalid field, failed validation, too large. */
const refusals = new Set([2, 9, 14, 22, 52, 53, 57, 121, 10_334, 17_280, 17_419, 17_420]);

import {
  type DeadLetterDocument,
  deadLettersIndex,
  type ResultDocument,
  resultDocument,
  resultsCollections,
  Unavailable,
} from "@sate/contracts";
import { type Counters, inTime } from "@sate/contracts/runtime";
import { type Collection, MongoBulkWriteError, MongoClient } from "mongodb";
import type { Recorded, ResultsWriter } from "../../ports.ts";

export type MongoResultsWriterOptions = { url: string; counters: Counters; deadlineMs?: number };

/**
 * A `ResultsWriter` on MongoDB or a compatible server, by unordered inserts under unique keys. Writes are acknowledged
 * by the majority and journaled.
 */
export function mongoResultsWriter(options: MongoResultsWriterOptions): ResultsWriter {
  const { url, counters, deadlineMs = 5_000 } = options;
  const client = new MongoClient(url, {
    // This version ignores timeoutMS. `guarded` sets the deadline; the socket's timeout ends the connection.
    socketTimeoutMS: deadlineMs,
    waitQueueTimeoutMS: deadlineMs,
    serverSelectionTimeoutMS: Math.min(3_000, deadlineMs),
    connectTimeoutMS: Math.min(3_000, deadlineMs),
    maxPoolSize: 8,
    retryWrites: false,
    retryReads: false,
    writeConcern: { w: "majority", journal: true, wtimeoutMS: deadlineMs },
    readPreference: "primary",
    readConcern: { level: "majority" },
    monitorCommands: true,
    ignoreUndefined: true,
  });
  client.on("commandStarted", () => counters.add("mongo_commands"));
  const db = client.db();
  const results = db.collection<ResultDocument>(resultsCollections.results);
  const deadLetters = db.collection<DeadLetterDocument>(resultsCollections.deadLetters);
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

  return {
    recordResults: guarded(async (wanted) => {
      const documents = wanted.map(resultDocument);
      const failures = await insertEach(results, documents);
      const taken = documents.filter((_, index) => failures[index] === "taken").map(({ _id }) => _id);
      const stored = new Map<string, Pick<ResultDocument, "id" | "execution_id">>();
      if (taken.length > 0) {
        const projection = { id: 1, execution_id: 1 };
        const found = results.find({ _id: { $in: [...new Set(taken)] } }, { projection });
        for await (const { _id, ...names } of found) stored.set(_id, names);
      }
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
      await deadLetters.createIndex(deadLettersIndex);
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
    isTooLarge(document) ? "refused" : undefined,
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

/** MongoDB's codes for documents that it will never take: bad value, failed to parse, type mismatch, invalid BSON, dollar-prefixed or dotted or invalid field, failed validation, too large. */
const refusals = new Set([2, 9, 14, 22, 52, 53, 57, 121, 10_334, 17_280, 17_419, 17_420]);

/** The driver rejects a whole batch because of one document above 16 MiB, so such a document must not reach it. */
function isTooLarge(document: object): boolean {
  let bytes = 4_096;
  for (const value of Object.values(document)) {
    if (typeof value === "string") bytes += Buffer.byteLength(value);
    else if (value instanceof Uint8Array) bytes += value.length;
  }
  return bytes >= 16 * 1024 * 1024;
}

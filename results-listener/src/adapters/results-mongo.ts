import {
  type DeadLetterDocument,
  deadLettersIndex,
  type ResultDocument,
  resultDocument,
  resultsCollections,
} from "@sate/contracts";
import { type Collection, MongoBulkWriteError, MongoClient } from "mongodb";
import { type Recorded, type ResultsWriter, Unavailable } from "../ports.ts";
import { inTime } from "../runtime/deadline.ts";
import type { Counters } from "../runtime/metrics.ts";

export type MongoResultsWriterOptions = { url: string; counters: Counters; deadlineMs?: number };

/**
 * A `ResultsWriter` on MongoDB, or anything that speaks its protocol: unordered inserts under unique keys,
 * and nothing else. Writes are acknowledged by the majority and journaled.
 */
export function mongoResultsWriter(options: MongoResultsWriterOptions): ResultsWriter {
  const { url, counters, deadlineMs = 5_000 } = options;
  const client = new MongoClient(url, {
    // timeoutMS would have no effect in this version: the deadline is ours, and the socket's ends the connection.
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

  return {
    record: guarded(async (wanted) => {
      if (wanted.length === 0) return [];
      const documents = wanted.map(resultDocument);
      const ends = await insertEach(results, documents);
      const taken = documents.filter((_, index) => ends[index] === "taken");
      const stored = new Map<string, ResultDocument>();
      if (taken.length > 0) {
        const ids = [...new Set(taken.map(({ _id }) => _id))];
        const projection = { id: 1, execution_id: 1 };
        const found = await results.find({ _id: { $in: ids } }, { projection }).toArray();
        for (const document of found) stored.set(document._id, document);
      }
      return documents.map(({ _id, id, execution_id }, index): Recorded => {
        const end = ends[index];
        if (end !== "taken") return end ?? "stored";
        const first = stored.get(_id);
        return first?.id === id && first.execution_id === execution_id ? "repeated" : "conflicting";
      });
    }),
    keep: guarded(async (letters) => {
      if (letters.length === 0) return [];
      const ends = await insertEach(deadLetters, letters);
      return letters.map((_, index) => ends[index] !== "refused");
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
      // What does not close in time ends with the process.
      await inTime(client.close(), 2_000).catch(() => {});
    },
  };
}

type InsertEnd = "taken" | "refused" | undefined;

/**
 * Inserts each document whose key is free, in one command. Answers for each what kept it out, if anything
 * did. Rejects if any other failure is among them: then all can be repeated.
 */
async function insertEach<D extends { _id: string }>(
  collection: Collection<D>,
  documents: D[],
): Promise<InsertEnd[]> {
  const ends: InsertEnd[] = documents.map((document) => (isTooLarge(document) ? "refused" : undefined));
  const fitting = [...documents.keys()].filter((index) => ends[index] === undefined);
  if (fitting.length === 0) return ends;
  try {
    const batch = fitting.map((index) => documents[index]);
    await collection.insertMany(batch as never[], { ordered: false });
  } catch (error) {
    if (!(error instanceof MongoBulkWriteError)) throw error;
    if (error.result.getWriteConcernError()) throw error;
    // Only these can be relied on: the count of what was inserted is wrong on some servers. Without any, the
    // driver has wrapped a lost connection or the like into an error of this class: nothing is certain then.
    const failures = [error.writeErrors].flat();
    if (failures.length === 0) throw error;
    for (const { code, index } of failures) {
      const end = Number(code) === duplicateKey ? "taken" : refusals.has(Number(code)) ? "refused" : null;
      if (end === null) throw error;
      ends[fitting[index] as number] = end;
    }
  }
  return ends;
}

const duplicateKey = 11_000;

/** Codes of MongoDB for documents that it will never take: bad value, failed to parse, type mismatch, invalid BSON, dollar-prefixed or dotted or invalid field, failed validation, too large. */
const refusals = new Set([2, 9, 14, 22, 52, 53, 57, 121, 10_334, 17_280, 17_419, 17_420]);

/** The driver refuses a whole batch for one document above 16 MiB; so it must not get there. */
function isTooLarge(document: object): boolean {
  let bytes = 4_096;
  for (const value of Object.values(document)) {
    if (typeof value === "string") bytes += Buffer.byteLength(value);
    else if (value instanceof Uint8Array) bytes += value.length;
  }
  return bytes >= 16 * 1024 * 1024;
}

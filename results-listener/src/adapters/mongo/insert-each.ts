import { BSON, type Collection, MongoBulkWriteError } from "mongodb";

/** Why a document was not inserted: its key is taken, or the database will never take it. */
export type Failure = "taken" | "refused";

/**
 * Inserts each document whose key is free, in one command; none if there are no documents. Returns for each why it was
 * not inserted, if it was not. Rejects on any other failure: then all can be repeated.
 */
export async function insertEach<D extends { _id: string }>(
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

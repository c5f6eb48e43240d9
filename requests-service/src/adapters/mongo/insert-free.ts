import { MongoBulkWriteError } from "mongodb";

const duplicateKey = 11_000;

/** Inserts those whose key is free; returns the positions of the others. */
export async function insertFree<D extends { _id: string }>(
  collection: { insertMany(documents: never[], options: { ordered: false }): Promise<unknown> },
  documents: D[],
): Promise<Set<number>> {
  try {
    await collection.insertMany(documents as never[], { ordered: false });
    return new Set();
  } catch (error) {
    if (!(error instanceof MongoBulkWriteError)) throw error;
    const failures = [error.writeErrors].flat();
    // The driver also throws this for a broken connection, without write errors: then the result is unknown.
    if (failures.length === 0 || failures.some(({ code }) => code !== duplicateKey)) throw error;
    if (error.result.getWriteConcernError()) throw error;
    return new Set(failures.map(({ index }) => index));
  }
}

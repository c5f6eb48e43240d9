import { insertFree } from "@sate/requests-service/mongo/access";
import type { Collection } from "mongodb";
import { canonical, createDigest } from "../canonical.ts";
import type { MovedTable } from "../tables.ts";
import { createDatabases, type Databases, type Stored } from "./databases.ts";
import { createNotes } from "./notes.ts";

/** Records of one table: those after the first key, up to and including the second. */
export type Range = { after: string | undefined; through: string | undefined };
/** The canonical text of each record, by key and in the order of the keys. */
export type Texts = Map<string, string>;

/** The side of a move to which the data goes. */
export type Target = ReturnType<typeof createTarget>;

export function createTarget(...args: Parameters<typeof createDatabases>) {
  const databases = createDatabases(...args);
  const { connect, prepare, close } = databases;
  return { connect, prepare, close, ...createNotes(databases), ...createRecords(databases) };
}

function createRecords({ on }: Pick<Databases, "on">) {
  return {
    /** Inserts the records whose key is free. Returns the others that differ from what is stored. */
    async insert(table: MovedTable, records: object[]): Promise<object[]> {
      if (records.length === 0) return [];
      const documents = records.map(table.document);
      const taken = await on(table, (collection) => insertFree(collection, documents));
      if (taken.size === 0) return [];
      const keys = [...taken].map((index) => (documents[index] as Stored)._id);
      const stored = await on(table, (collection) => collection.find({ _id: { $in: keys } }).toArray());
      const texts = new Map(stored.map((one) => [one._id, canonical(table.ofDocument(one))]));
      const conflicting = [...taken].map((index) => records[index] as object);
      return conflicting.filter((record) => texts.get(table.document(record)._id) !== canonical(record));
    },
    async replace(table: MovedTable, record: object): Promise<void> {
      const document = table.document(record);
      const { _id } = document;
      await on(table, (collection) => collection.replaceOne({ _id }, document, { upsert: true }));
    },
    async remove(table: MovedTable, keys: string[]): Promise<void> {
      await on(table, (collection) => collection.deleteMany({ _id: { $in: keys } }));
    },

    texts: (table: MovedTable, range: Range): Promise<Texts> =>
      on(table, async (collection) => new Map(await Array.fromAsync(textsOf(collection, table, range)))),
    digest: (table: MovedTable, range: Range): Promise<{ count: number; digest: string }> =>
      on(table, async (collection) => {
        const digest = createDigest();
        let count = 0;
        for await (const [, text] of textsOf(collection, table, range)) {
          digest.add(text);
          count++;
        }
        return { count, digest: digest.value() };
      }),
  };
}

/** The canonical texts of records, in the order of the keys. */
async function* textsOf(collection: Collection<Stored>, table: MovedTable, range: Range) {
  const found = collection.find(filterOf(range) as never).sort({ _id: 1 });
  for await (const document of found) yield [document._id, canonical(table.ofDocument(document))] as const;
}

function filterOf({ after, through }: Range) {
  const bounds = {
    ...(after !== undefined && { $gt: after }),
    ...(through !== undefined && { $lte: through }),
  };
  return Object.keys(bounds).length === 0 ? {} : { _id: bounds };
}

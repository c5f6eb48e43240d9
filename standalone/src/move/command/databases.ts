import { type Counters, type Guarded, mongoCalls, mongoOptions } from "@sate/contracts/runtime";
import { mongoStore } from "@sate/requests-service/mongo";
import { mongoResultsWriter } from "@sate/results-listener/mongo";
import { type Collection, type Db, MongoClient, type MongoClientOptions } from "mongodb";
import type { MovedTable } from "../tables.ts";
import { Failure, type Patiently } from "./failure.ts";

export type Stored = { _id: string };
/** The state of the move, and how far each table is copied. */
export type MoveDocument = Stored & {
  source?: string;
  phase?: "copying" | "done";
  after?: string | undefined;
  isCopied?: boolean;
};

/** The connections to the two databases of the new system. Every call is repeated while they do not respond. */
export type Databases = ReturnType<typeof createDatabases>;

const deadlineMs = 30_000;

export function createDatabases(
  urls: Record<MovedTable["database"], string>,
  { counters, patiently }: { counters: Counters; patiently: Patiently },
) {
  const requests = connection(urls.requests, "the Requests DB", counters);
  const results = connection(urls.results, "the Results DB", counters);
  const databases = { requests, results };
  const call =
    <D extends Stored>({ guarded, name, db }: typeof requests, collection: string) =>
    <T>(work: (collection: Collection<D>) => Promise<T>): Promise<T> =>
      patiently(name, () => guarded(work)(db.collection<D>(collection)));

  return {
    async connect(): Promise<void> {
      await patiently(requests.name, requests.connect);
      await patiently(results.name, results.connect);
    },
    /** Creates the indexes of the services. */
    async prepare(): Promise<void> {
      const store = mongoStore({ url: urls.requests, counters, isForMove: true });
      const writer = mongoResultsWriter({ url: urls.results, counters });
      await patiently(requests.name, store.open);
      await patiently(results.name, writer.open);
      await Promise.all([store.close(), writer.close()]);
    },
    /** Calls `work` with the collection of a table. */
    on: <T>({ name, database }: MovedTable, work: (collection: Collection<Stored>) => Promise<T>) =>
      call<Stored>(databases[database], name)(work),
    /** Calls `work` with the collection of the move itself, which is in the Requests DB. */
    onMove: call<MoveDocument>(requests, "moves"),
    close: async (): Promise<void> => void (await Promise.all([requests.close(), results.close()])),
  };
}

type Connection = {
  db: Db;
  guarded: Guarded;
  connect: () => Promise<void>;
  close: () => Promise<void>;
  /** The beginning of a sentence. */
  name: string;
};

function connection(url: string, database: string, counters: Counters): Connection {
  const options = { ...mongoOptions(deadlineMs), maxPoolSize: 4, readPreference: "primary" } as const;
  const client = clientOf(url, database, { ...options, promoteBuffers: true });
  const { guarded, close } = mongoCalls(client, { database, deadlineMs, counters });
  const connect = guarded(async () => void (await client.connect()));
  return { db: client.db(), guarded, connect, close, name: database.replace("the", "The") };
}

/** The driver's error may contain the password. */
function clientOf(url: string, database: string, options: MongoClientOptions): MongoClient {
  try {
    return new MongoClient(url, options);
  } catch {
    throw new Failure(`The MongoDB driver does not accept the address of ${database}.`, 78);
  }
}

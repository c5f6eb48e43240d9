import type { Database } from "bun:sqlite";
import { executionKey, resultsCollections, topics } from "@sate/contracts";
import { type Db, type Document, MongoClient } from "mongodb";
import { kafkaLog } from "../../system/kafka.ts";
import { lookAtStandalone } from "../../system/standalone-copy.ts";
import type { TorturedSystem } from "../system.ts";
import type { Dump } from "./evidence.ts";

export type Ref = { request_id: string; attempt: number };

/** What a system has stored, read without its services. */
export type Store = {
  /** Why it is not at rest, or null: everything final, nothing to publish, every result recorded, no lag. */
  restless(): Promise<string | null>;
  /** The number of queued and running executions. */
  active(): Promise<number>;
  /** Requests with more than one active execution. */
  twoActive(): Promise<string[]>;
  /** Those that have no execution, or no result, in the database. */
  unknown(kind: "executions" | "results", refs: Ref[]): Promise<Ref[]>;
  dump(): Promise<Dump>;
  lag(): Promise<number>;
};

const active = { status: { $in: ["queued", "running"] } };
const waitMs = { serverSelectionTimeoutMS: 5_000, socketTimeoutMS: 60_000, connectTimeoutMS: 5_000 };
const keysAtOnce = 1_000;
const keyOf = ({ request_id, attempt }: Ref) => executionKey(request_id, attempt);

const withoutTombstones = (results: Dump["results"]) => results.filter(({ removed_at }) => !removed_at);

/** Null if nothing is left. Each removed request has one tombstone and one execution more, so they are equally many. */
function reasonOf(open: number, marked: number, missing: number, lag: number): string | null {
  if (open > 0 || marked > 0) return `${open} executions are not final, ${marked} are not published`;
  if (missing > 0) return `${missing} results are missing`;
  return lag > 0 ? `the groups lag by ${lag} records` : null;
}

/** Both databases and the topics of a cluster, read without any proxy. */
export function clusterStore(system: TorturedSystem): Store {
  const log = kafkaLog(system.kafka());

  /** Each call has its own client: one whose server was down while it connected stays closed. */
  async function on<T>(url: string, work: (db: Db) => Promise<T>): Promise<T> {
    const client = new MongoClient(url, waitMs);
    try {
      await client.connect();
      return await work(client.db());
    } finally {
      await client.close();
    }
  }

  async function ids(db: Db, name: string, filter: Document = {}): Promise<unknown[]> {
    const found = db.collection(name).find(filter, { projection: { _id: 1 } });
    return (await found.toArray()).map(({ _id }) => _id);
  }

  /**
   * All documents: first their keys, then the documents by key. For any other query the server reads the whole
   * collection into memory, which that of an hour exceeds.
   */
  const all = (url: string, name: string): Promise<Document[]> =>
    on(url, async (db) => {
      const keys = (await ids(db, name)) as never[];
      const found: Document[] = [];
      for (let at = 0; at < keys.length; at += keysAtOnce) {
        const some = db.collection(name).find({ _id: { $in: keys.slice(at, at + keysAtOnce) } });
        found.push(...(await some.toArray()));
      }
      return found;
    });

  const { requestsDb, resultsDb } = system;
  return {
    async restless() {
      const [open = 0, marked = 0, stored = 0] = await on(requestsDb, async (db) => [
        (await ids(db, "executions", active)).length,
        (await ids(db, "executions", { mark: { $gt: "" } })).length + (await ids(db, "refusals")).length,
        await db.collection("executions").estimatedDocumentCount(),
      ]);
      const { results: name } = resultsCollections;
      const results = await on(resultsDb, (db) => db.collection(name).estimatedDocumentCount());
      return reasonOf(open, marked, stored - results, await log.lag());
    },
    active: () => on(requestsDb, async (db) => (await ids(db, "executions", active)).length),
    twoActive: () =>
      on(requestsDb, async (db) => {
        const executions = db.collection("executions");
        const found = await executions.find(active, { projection: { request_id: 1 } }).toArray();
        const twice: string[] = [];
        for (const [request_id, own] of Map.groupBy(found, (one) => one.request_id as string)) {
          // The first read is no snapshot: one may have ended before the other started.
          if (own.length > 1 && (await executions.find({ request_id, ...active }).toArray()).length > 1)
            twice.push(request_id);
        }
        return twice;
      }),
    unknown: (kind, refs) =>
      on(kind === "results" ? resultsDb : requestsDb, async (db) => {
        const name = kind === "results" ? resultsCollections.results : "executions";
        const known = new Set(await ids(db, name, { _id: { $in: refs.map(keyOf) } }));
        return refs.filter((ref) => !known.has(keyOf(ref)));
      }),
    async dump() {
      const records: Dump["records"] = [];
      for (const name of Object.values(topics)) {
        for (const { topic, partition, offset, value } of await log.read(name))
          records.push({ topic, partition, offset, value: value && String(value) });
      }
      const requests = await all(requestsDb, "requests");
      const letters = await all(resultsDb, resultsCollections.deadLetters);
      return {
        requests: requests.map(({ _id, ...rest }) => ({ id: String(_id), ...rest })) as never,
        executions: (await all(requestsDb, "executions")) as never,
        results: withoutTombstones((await all(resultsDb, resultsCollections.results)) as never),
        logs: (await on(requestsDb, (db) => ids(db, "logs"))).map((id) => String(id).split(":")[0] as string),
        refusals: (await all(requestsDb, "refusals")) as never,
        deadLetters: letters.map(({ _id, reason, key, value }) => ({
          _id: String(_id),
          reason,
          key: key ? Buffer.from(key.buffer ?? key).toString() : null,
          value: value ? Buffer.from(value.buffer ?? value).toString("base64") : null,
        })),
        records,
      };
    },
    lag: log.lag,
  };
}

const isActive = "status IN ('queued', 'running')";

/** The database of a running standalone, read from copies. It stores no records, so there is no lag. */
export function standaloneStore({ dataDir, processes }: TorturedSystem): Store {
  const look = <T>(how: (db: Database) => T) => lookAtStandalone(dataDir, () => processes()[0]?.pid, how);
  const count = (db: Database, from: string) =>
    db.query<{ n: number }, []>(`SELECT count(*) AS n FROM ${from}`).get()?.n ?? 0;
  return {
    restless: () =>
      look((db) => {
        const open = count(db, `executions WHERE ${isActive}`);
        const marked = count(db, "executions WHERE mark IS NOT NULL") + count(db, "refusals");
        return reasonOf(open, marked, count(db, "executions") - count(db, "results"), 0);
      }),
    active: () => look((db) => count(db, `executions WHERE ${isActive}`)),
    twoActive: () =>
      look((db) => {
        const sql = `SELECT request_id FROM executions WHERE ${isActive} GROUP BY request_id HAVING count(*) > 1`;
        const found = db.query<{ request_id: string }, []>(sql).all();
        return found.map(({ request_id }) => request_id);
      }),
    unknown: async () => [],
    dump: () => look(dumpOf),
    lag: async () => 0,
  };
}

function dumpOf(db: Database): Dump {
  const all = <T>(sql: string) => db.query<T, []>(sql).all();
  type Bytes = Uint8Array | null;
  const text = (bytes: Bytes, encoding?: "base64") => bytes && Buffer.from(bytes).toString(encoding);
  const results = all<Dump["results"][number]>("SELECT * FROM results");
  const letters = all<{ _id: string; reason: string | null; key: Bytes; value: Bytes }>(
    "SELECT _id, reason, key, value FROM dead_letters",
  );
  return {
    requests: all("SELECT id, payload, labels, removed_at FROM requests"),
    executions: all("SELECT * FROM executions"),
    results: withoutTombstones(results).map((one) => ({ ...one, is_success: Boolean(one.is_success) })),
    logs: all<{ request_id: string }>("SELECT request_id FROM logs").map(({ request_id }) => request_id),
    deadLetters: letters.map((one) => ({ ...one, key: text(one.key), value: text(one.value, "base64") })),
    refusals: all("SELECT request_id FROM refusals"),
    records: [],
  };
}

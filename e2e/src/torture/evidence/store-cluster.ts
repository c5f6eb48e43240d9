import { executionKey, resultsCollections, topics } from "@sate/contracts";
import { type Db, type Document, MongoClient } from "mongodb";
import { kafkaLog } from "../../system/kafka.ts";
import type { TorturedSystem } from "../system.ts";
import type { Dump, StoredExecution } from "./evidence.ts";
import type { Ref, Store } from "./store.ts";

const active = { status: { $in: ["queued", "running"] } };
const waitMs = { serverSelectionTimeoutMS: 5_000, socketTimeoutMS: 60_000, connectTimeoutMS: 5_000 };
const keysAtOnce = 1_000;
const keyOf = ({ request_id, attempt }: Ref) => executionKey(request_id, attempt);

/** Both databases and the log of a cluster, read past all proxies. */
export function clusterStore(system: TorturedSystem): Store {
  const log = kafkaLog(system.kafka());

  /** A client for each look: one whose server was away while it connected stays closed for ever. */
  async function on<T>(url: string, work: (db: Db) => Promise<T>): Promise<T> {
    const client = new MongoClient(url, waitMs);
    try {
      await client.connect();
      return await work(client.db());
    } finally {
      await client.close();
    }
  }

  /**
   * All documents, first their keys and then some at a time by key: for anything else the server reads the whole
   * collection into its memory, which that of an hour does not fit.
   */
  const all = (url: string, name: string): Promise<Document[]> =>
    on(url, async (db) => {
      const collection = db.collection(name);
      const keys = (await collection.find({}, { projection: { _id: 1 } }).toArray()).map(({ _id }) => _id);
      const found: Document[] = [];
      for (let at = 0; at < keys.length; at += keysAtOnce) {
        found.push(...(await collection.find({ _id: { $in: keys.slice(at, at + keysAtOnce) } }).toArray()));
      }
      return found;
    });

  return {
    async restless() {
      const { open, marked, stored } = await on(system.requestsDb, async (db) => {
        const executions = db.collection("executions");
        const ids = { projection: { _id: 1 } } as const;
        return {
          open: (await executions.find(active, ids).toArray()).length,
          marked:
            (await executions.find({ mark: { $gt: "" } }, ids).toArray()).length +
            (await db.collection("refusals").find({}, ids).toArray()).length,
          stored: await executions.estimatedDocumentCount(),
        };
      });
      if (open > 0 || marked > 0) return `${open} executions are not final, ${marked} are to be published`;
      const results = await on(system.resultsDb, (db) =>
        db.collection(resultsCollections.results).estimatedDocumentCount(),
      );
      if (results < stored) return `${stored - results} results are missing`;
      const lag = await log.lag();
      return lag > 0 ? `the groups lag by ${lag} records` : null;
    },
    active: () =>
      on(system.requestsDb, async (db) => {
        const found = await db
          .collection("executions")
          .find(active, { projection: { _id: 1 } })
          .toArray();
        return found.length;
      }),
    twoActive: () =>
      on(system.requestsDb, async (db) => {
        const executions = db.collection("executions");
        const found = await executions.find(active, { projection: { request_id: 1 } }).toArray();
        const counts = Map.groupBy(found, ({ request_id }) => request_id as string);
        const twice: string[] = [];
        for (const [request_id, own] of counts) {
          // The first look is no snapshot: one may have ended before the other began.
          if (own.length > 1 && (await executions.find({ request_id, ...active }).toArray()).length > 1)
            twice.push(request_id);
        }
        return twice;
      }),
    unknown: async (kind, refs) => {
      const [url, name] =
        kind === "results"
          ? [system.resultsDb, resultsCollections.results]
          : [system.requestsDb, "executions"];
      return on(url, async (db) => {
        const found = await db
          .collection<{ _id: string }>(name)
          .find({ _id: { $in: refs.map(keyOf) } }, { projection: { _id: 1 } })
          .toArray();
        const known = new Set(found.map(({ _id }) => _id));
        return refs.filter((ref) => !known.has(keyOf(ref)));
      });
    },
    async dump(): Promise<Dump> {
      const requests = await all(system.requestsDb, "requests");
      const stored = await all(system.requestsDb, "executions");
      const results = await all(system.resultsDb, resultsCollections.results);
      const refusals = await all(system.requestsDb, "refusals");
      const letters = await all(system.resultsDb, resultsCollections.deadLetters);
      const records = [];
      for (const topic of Object.values(topics)) {
        for (const { key, value, ...record } of await log.read(topic))
          records.push({ ...record, key: key && String(key), value: value && String(value) });
      }
      return {
        requests: requests.map(({ _id, payload }) => ({ id: String(_id), payload })),
        executions: stored as unknown as StoredExecution[],
        results: results as never,
        refusals: refusals.map(({ request_id, id }) => ({ request_id, id })),
        deadLetters: letters.map(({ _id, reason, origin_topic, key, value, headers }) => ({
          _id: String(_id),
          reason,
          origin_topic,
          key: key ? Buffer.from(key.buffer ?? key).toString() : null,
          value: value ? Buffer.from(value.buffer ?? value).toString("base64") : null,
          headers,
        })),
        records,
      };
    },
    lag: () => log.lag(),
    publish: (topic, records) => log.publish(topic, records),
    close: async () => {},
  };
}

import { resultsCollections, topics } from "@sate/contracts";
import { type Document, MongoClient } from "mongodb";
import type { Dump, StoredExecution } from "./evidence.ts";
import { kafkaLog } from "./kafka.ts";
import type { Store } from "./store.ts";
import type { System } from "./system.ts";

const active = { status: { $in: ["queued", "running"] } };
const waitMs = { serverSelectionTimeoutMS: 5_000, socketTimeoutMS: 60_000, connectTimeoutMS: 5_000 };

/** Both databases and the log of a cluster, read past all proxies. */
export function clusterStore(system: System): Store {
  const requestsClient = new MongoClient(system.requestsDb, waitMs);
  const resultsClient = new MongoClient(system.resultsDb, waitMs);
  const log = kafkaLog(system.kafka);
  const executions = requestsClient.db().collection("executions");
  const all = async (client: MongoClient, name: string, filter: Document = {}, projection: Document = {}) =>
    (await client.db().collection(name).find(filter, { projection }).toArray()) as Document[];

  return {
    async restless() {
      const open = (await executions.find(active, { projection: { _id: 1 } }).toArray()).length;
      const marked = (
        await executions.find({ mark: { $exists: true } }, { projection: { _id: 1 } }).toArray()
      ).length;
      if (open > 0 || marked > 0) return `${open} executions are not final, ${marked} marks stand`;
      const ended = (await executions.find({}, { projection: { _id: 1 } }).toArray()).length;
      const results = (await all(resultsClient, resultsCollections.results, {}, { _id: 1 })).length;
      if (results < ended) return `${ended - results} results are missing`;
      const lag = await log.lag();
      return lag > 0 ? `the groups lag by ${lag} records` : null;
    },
    async twoActive() {
      const found = await executions.find(active, { projection: { request_id: 1 } }).toArray();
      const counts = Map.groupBy(found, ({ request_id }) => request_id as string);
      const twice: string[] = [];
      for (const [request_id, own] of counts) {
        // The first look is no snapshot: one may have ended before the other began.
        if (own.length > 1 && (await executions.find({ request_id, ...active }).toArray()).length > 1)
          twice.push(request_id);
      }
      return twice;
    },
    async dump(): Promise<Dump> {
      const requests = await all(requestsClient, "requests");
      const stored = await all(requestsClient, "executions");
      const results = await all(resultsClient, resultsCollections.results);
      const letters = await all(resultsClient, resultsCollections.deadLetters);
      const records = [];
      for (const topic of Object.values(topics)) records.push(...(await log.read(topic)));
      return {
        requests: requests.map(({ _id, payload }) => ({ id: String(_id), payload })),
        executions: stored as unknown as StoredExecution[],
        results: results as never,
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
    async close() {
      await requestsClient.close();
      await resultsClient.close();
    },
  };
}

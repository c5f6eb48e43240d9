import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Kafka, logLevel } from "kafkajs";
import { MongoClient } from "mongodb";
import { listensOn } from "../src/servers/addresses.ts";
import { installJava } from "../src/servers/java.ts";
import { until } from "../src/supervise/deadline.ts";
import { type Cluster, startCluster } from "./start-cluster.ts";

const java = await installJava(console.error);
if (java.kind === "unavailable") console.log(`Skipped: ${java.reason}`);
// Java must find it in a locale without UTF-8, too.
const dataDir = mkdtempSync(join(tmpdir(), "sate-clüster-試験-"));
afterAll(() => rmSync(dataDir, { recursive: true, force: true }));

const ownServers = { KAFKA_BROKERS: undefined, REQUESTS_MONGO_URL: undefined, RESULTS_MONGO_URL: undefined };

async function ready(): Promise<Cluster> {
  const cluster = startCluster({ ...ownServers, DATA_DIR: dataDir, LANG: "C", LC_ALL: "C" });
  await cluster.printed("Sate is ready.");
  return cluster;
}

async function isBack(cluster: Cluster, name: string): Promise<void> {
  await cluster.restarts(name);
  expect(await until(() => listensOn(cluster.process(name).port), 30_000)).toBe(true);
}

const kafkaOf = (cluster: Cluster) =>
  new Kafka({ brokers: [`127.0.0.1:${cluster.process("kafka").port}`], logLevel: logLevel.NOTHING });

async function produce(cluster: Cluster, topic: string, value: string): Promise<void> {
  const producer = kafkaOf(cluster).producer({ retry: { retries: 3 } });
  await producer.connect();
  await producer.send({ topic, acks: -1, messages: [{ value }] }).finally(() => producer.disconnect());
}

/** The first `count` records of the topic. */
async function valuesOf(cluster: Cluster, topic: string, count: number): Promise<string[]> {
  const consumer = kafkaOf(cluster).consumer({ groupId: crypto.randomUUID() });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const values: string[] = [];
  await consumer.run({ eachMessage: async ({ message }) => void values.push(`${message.value}`) });
  await until(() => values.length >= count, 30_000);
  await consumer.disconnect();
  return values.sort();
}

const mongoOf = (cluster: Cluster) =>
  new MongoClient(/REQUESTS_MONGO_URL=(\S+)/.exec(cluster.text())?.[1] ?? "", { retryWrites: false });
type Thing = { _id: string; state: string };

/** Writes with several writers until the database is gone. Returns the ids that it acknowledged. */
async function writeUntilGone(cluster: Cluster): Promise<string[]> {
  const client = await mongoOf(cluster).connect();
  const things = client.db().collection<Thing>("things");
  const acknowledged: string[] = [];
  const write = async (writer: number) => {
    for (let count = 0; ; count++) {
      const _id = `${writer}-${count}`;
      await things.insertOne({ _id, state: "new" });
      await things.updateOne({ _id, state: "new" }, { $set: { state: "done" } });
      acknowledged.push(_id);
    }
  };
  await Promise.allSettled([1, 2, 3, 4, 5, 6, 7, 8].map(write));
  await client.close();
  return acknowledged;
}

/** The ids of what was written completely. */
async function writtenIn(cluster: Cluster): Promise<string[]> {
  const client = await mongoOf(cluster).connect();
  const found = await client.db().collection<Thing>("things").find({ state: "done" }).toArray();
  await client.close();
  return found.map(({ _id }) => _id);
}

describe.skipIf(java.kind === "unavailable")("a cluster with its own Kafka and databases", () => {
  test("keeps what they acknowledged when they are killed, leaves nothing behind when it is killed, and starts again on its data", async () => {
    const cluster = await ready();
    const admin = kafkaOf(cluster).admin();
    await admin.connect();
    await admin.createTopics({ waitForLeaders: true, topics: [{ topic: "kept", numPartitions: 1 }] });
    await admin.disconnect();
    await expect(produce(cluster, "not-created", "by accident")).rejects.toThrow();
    await produce(cluster, "kept", "before the kill");
    await isBack(cluster, "kafka");
    await produce(cluster, "kept", "after the kill");
    const records = ["after the kill", "before the kill"];
    expect(await valuesOf(cluster, "kept", 2)).toEqual(records);

    const writing = writeUntilGone(cluster);
    expect(await until(async () => (await writtenIn(cluster)).length > 200, 60_000)).toBe(true);
    await isBack(cluster, "mongo");
    const acknowledged = await writing;
    expect(acknowledged.length).toBeGreaterThan(200);
    process.kill(cluster.child.pid, "SIGKILL");
    await cluster.isGone();

    // Nothing holds the lock on the data any more.
    const next = await ready();
    expect(await valuesOf(next, "kept", 2)).toEqual(records);
    expect([...new Set(acknowledged).difference(new Set(await writtenIn(next)))]).toEqual([]);
    await next.ends(0, "SIGTERM");
  }, 240_000);

  test("ends with the last lines of Kafka's log when Kafka cannot start", async () => {
    const broken = join(dataDir, "broken");
    mkdirSync(join(broken, "cluster/kafka"), { recursive: true });
    writeFileSync(join(broken, "cluster/kafka/data"), "no folder");
    const cluster = startCluster({ ...ownServers, DATA_DIR: broken });
    await cluster.ends(69);
    await cluster.printed(
      /kafka ended with 1, 3 times before it was ready. The end of its log:\n.*cluster.kafka.data/s,
      2_000,
    );
  }, 90_000);
});

test("without Java and Docker the cluster ends with what to do", async () => {
  const cluster = startCluster({ ...ownServers, PATH: "/bin/none" });
  await cluster.ends(69);
  const sentence = "Java is not installed (a JDK of version 17 or newer). With Docker, use docker compose up";
  await cluster.printed(sentence, 2_000);
  await cluster.remove();
});

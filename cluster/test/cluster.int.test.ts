import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Kafka, logLevel } from "kafkajs";
import { MongoClient } from "mongodb";
import { installJava } from "../src/servers/java.ts";
import { listensOn } from "../src/servers/ports.ts";
import { inTime, until } from "../src/supervise/deadline.ts";
import { allGone, type Cluster, startCluster } from "./start-cluster.ts";

const java = await installJava(join(import.meta.dir, "../../.cache"), console.error);
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

async function killed(cluster: Cluster, name: string): Promise<void> {
  const before = cluster.process(name);
  process.kill(before.pid, "SIGKILL");
  expect(await until(() => cluster.process(name).pid !== before.pid, 20_000)).toBe(true);
  expect(cluster.process(name).port).toBe(before.port);
  expect(await until(() => listensOn(before.port), 30_000)).toBe(true);
}

/** What the topic holds, from its first record on. */
async function valuesOf(port: number, topic: string, count: number): Promise<string[]> {
  const kafka = new Kafka({ brokers: [`127.0.0.1:${port}`], logLevel: logLevel.NOTHING });
  const consumer = kafka.consumer({ groupId: crypto.randomUUID() });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const values: string[] = [];
  await consumer.run({ eachMessage: async ({ message }) => void values.push(`${message.value}`) });
  await until(() => values.length >= count, 30_000);
  await consumer.disconnect();
  return values.sort();
}

async function produce(port: number, topic: string, value: string): Promise<void> {
  const kafka = new Kafka({ brokers: [`127.0.0.1:${port}`], logLevel: logLevel.NOTHING });
  const producer = kafka.producer();
  await producer.connect();
  await producer.send({ topic, acks: -1, messages: [{ value }] });
  await producer.disconnect();
}

const urlOf = (cluster: Cluster) => /REQUESTS_MONGO_URL=(\S+)/.exec(cluster.text())?.[1] ?? "";

/** Writes with several writers until the database is gone; answers what it acknowledged. */
async function writeUntilGone(url: string): Promise<string[]> {
  const client = await new MongoClient(url, { retryWrites: false }).connect();
  const things = client.db().collection<{ _id: string; state: string }>("things");
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
  return acknowledged.sort();
}

describe.skipIf(java.kind === "unavailable")("a cluster with its own Kafka and databases", () => {
  test("keeps the records of a Kafka that is killed, and of one that is stopped", async () => {
    const cluster = await ready();
    const { port } = cluster.process("kafka");
    const admin = new Kafka({ brokers: [`127.0.0.1:${port}`], logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    await admin.createTopics({ waitForLeaders: true, topics: [{ topic: "kept", numPartitions: 1 }] });
    await admin.disconnect();
    await produce(port, "kept", "before the kill");
    await killed(cluster, "kafka");
    await produce(port, "kept", "after the kill");
    expect(await valuesOf(port, "kept", 2)).toEqual(["after the kill", "before the kill"]);
    await cluster.remove();
    expect(existsSync(join(dataDir, "cluster/kafka/data/meta.properties"))).toBe(true);

    const next = await ready();
    const values = await valuesOf(next.process("kafka").port, "kept", 2);
    await next.remove();
    expect(values).toEqual(["after the kill", "before the kill"]);
  }, 180_000);

  test("keeps what a database has acknowledged, when it is killed under load and when it is stopped", async () => {
    const cluster = await ready();
    const url = urlOf(cluster);
    const writing = writeUntilGone(url);
    const client = await new MongoClient(url).connect();
    const done = (from: MongoClient) => from.db().collection("things").find({ state: "done" }).toArray();
    expect(await until(async () => (await done(client)).length > 200, 60_000)).toBe(true);
    await client.close();
    await killed(cluster, "mongo");
    const acknowledged = await writing;
    expect(acknowledged.length).toBeGreaterThan(200);
    await cluster.remove();

    const next = await ready();
    const after = await new MongoClient(urlOf(next)).connect();
    const kept = new Set((await done(after)).map(({ _id }) => `${_id}`));
    await after.close();
    await next.remove();
    expect(acknowledged.filter((id) => !kept.has(id))).toEqual([]);
  }, 180_000);

  test("leaves neither behind when it is killed", async () => {
    const cluster = await ready();
    process.kill(cluster.child.pid, "SIGKILL");
    await allGone(cluster);
  }, 90_000);

  test("gives up with the end of the log when Kafka cannot start", async () => {
    const broken = join(dataDir, "broken");
    mkdirSync(join(broken, "cluster/kafka"), { recursive: true });
    writeFileSync(join(broken, "cluster/kafka/data"), "no folder");
    const cluster = startCluster({ ...ownServers, DATA_DIR: broken });
    expect(await inTime(cluster.child.exited, 60_000)).toBe(69);
    await cluster.printed(
      /kafka ended with 1, 3 times before it was ready. The end of its log:\n.*cluster.kafka.data/s,
      2_000,
    );
    await allGone(cluster);
  }, 90_000);
});

import { afterAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { Kafka, logLevel } from "kafkajs";
import { MongoClient } from "mongodb";
import type { Addresses } from "../src/servers/addresses.ts";
import { listensOn } from "../src/servers/ports.ts";
import { inTime, until } from "../src/supervise/deadline.ts";
import { startServers } from "./start-servers.ts";

const { child, answer } = await startServers();
const unavailable = "unavailable" in answer ? answer.unavailable : undefined;
const addresses = answer as Addresses;
if (unavailable) console.log(`Skipped: ${unavailable}`);
afterAll(() => child.kill());

const portOf = (address: string) => Number(/:(\d+)/.exec(address.replace("mongodb://", ""))?.[1]);

describe.skipIf(unavailable !== undefined)("the servers for tests", () => {
  test("Kafka takes topics that are made on purpose, and no others, and gives back what was produced", async () => {
    const kafka = new Kafka({
      brokers: [addresses.KAFKA_BROKERS],
      logLevel: logLevel.NOTHING,
      retry: { retries: 2 },
    });
    const admin = kafka.admin();
    const producer = kafka.producer();
    const consumer = kafka.consumer({ groupId: "a-group" });
    await Promise.all([admin.connect(), producer.connect(), consumer.connect()]);
    await admin.createTopics({ waitForLeaders: true, topics: [{ topic: "made", numPartitions: 3 }] });
    await producer.send({ topic: "made", acks: -1, messages: [{ key: "k", value: "v" }] });
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    await consumer.subscribe({ topic: "made", fromBeginning: true });
    await consumer.run({ eachMessage: async ({ message }) => resolve(message.value?.toString()) });
    expect(await inTime(promise, 20_000)).toBe("v");
    await expect(producer.send({ topic: "by_accident", messages: [{ value: "v" }] })).rejects.toThrow();
    expect(await admin.listTopics()).not.toContain("by_accident");
    await Promise.all([admin.disconnect(), producer.disconnect(), consumer.disconnect()]);
  }, 40_000);

  test("each database keeps its own documents, and unique keys are unique for writers that race", async () => {
    const [requests, results] = await Promise.all(
      [addresses.REQUESTS_MONGO_URL, addresses.RESULTS_MONGO_URL].map((url) =>
        new MongoClient(url).connect(),
      ),
    );
    const things = requests?.db().collection("things");
    await things?.createIndex({ request: 1, attempt: 1 }, { unique: true });
    const inserts = await Promise.allSettled(
      Array.from({ length: 50 }, () => things?.insertOne({ request: "r", attempt: 1 })),
    );
    expect(inserts.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(await things?.countDocuments()).toBe(1);
    expect(await results?.db().collection("things").countDocuments()).toBe(0);
    expect([requests?.db().databaseName, results?.db().databaseName]).toEqual(["requests", "results"]);
    await Promise.all([requests?.close(), results?.close()]);
  }, 20_000);

  test("bun run test:stores runs the store and broker suites against the servers that the environment names", async () => {
    // A few tests of each suite: all of them run with those of the services.
    const run = Bun.spawn([process.execPath, "run", "test:stores", "-t", "repeat|twice|close"], {
      cwd: join(import.meta.dir, "../.."),
      env: { ...process.env, ...addresses },
      stdout: "ignore",
      stderr: "pipe",
    });
    const said = await run.stderr.text();
    expect(await run.exited).toBe(0);
    const passed = said.split(/^(?=\S+\.test\.ts:$)/m).filter((file) => file.includes("(pass)"));
    for (const server of [/^\S*mongo/, /^\S*kafka/]) {
      expect(passed.filter((file) => server.test(file)).length).toBeGreaterThanOrEqual(2);
    }
    expect(said).not.toContain("Skipped");
  }, 120_000);

  test("all of them end when the standard input closes", async () => {
    const ports = Object.values(addresses).map(portOf);
    expect(await Promise.all(ports.map(listensOn))).toEqual([true, true, true]);
    child.stdin.end();
    expect(await inTime(child.exited, 20_000)).toBe(0);
    expect(await Promise.all(ports.map(listensOn))).toEqual([false, false, false]);
  }, 30_000);

  test("all of them end when their starter is killed", async () => {
    const second = await startServers();
    const ports = Object.values(second.answer as Addresses).map(portOf);
    second.child.kill("SIGKILL");
    await second.child.exited;
    const isQuiet = async () => !(await Promise.all(ports.map(listensOn))).includes(true);
    expect(await until(isQuiet, 20_000)).toBe(true);
  }, 90_000);

  test("all of them end on SIGTERM", async () => {
    const second = await startServers();
    const ports = Object.values(second.answer as Addresses).map(portOf);
    second.child.kill("SIGTERM");
    expect(await inTime(second.child.exited, 20_000)).toBe(0);
    expect(await Promise.all(ports.map(listensOn))).toEqual([false, false, false]);
  }, 90_000);
});

describe("servers that run already", () => {
  const running = {
    KAFKA_BROKERS: "127.0.0.1:1",
    REQUESTS_MONGO_URL: "mongodb://127.0.0.1:2/requests",
    RESULTS_MONGO_URL: "mongodb://127.0.0.1:3/results",
  };

  test("are used when the environment names all three", async () => {
    const named = await startServers(running);
    expect(named.answer).toEqual(running);
    named.child.stdin.end();
    expect(await named.child.exited).toBe(0);
  });

  test("are a mistake when it names some", async () => {
    const { REQUESTS_MONGO_URL, ...some } = running;
    const named = await startServers(some);
    expect(named.answer).toEqual({ unavailable: expect.stringContaining("not set: REQUESTS_MONGO_URL") });
    expect(await named.child.exited).toBe(0);
  });
});

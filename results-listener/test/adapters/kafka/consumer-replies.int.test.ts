import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect } from "node:net";
import type { IncomingRecord, Topic } from "@sate/contracts";
import { createCounters, createLog } from "@sate/contracts/runtime";
import { type Admin, Kafka, logLevel, type Producer } from "kafkajs";
import { kafkaConsumer } from "../../../src/adapters/kafka/consumer.ts";
import { proxyTo } from "../../proxy.ts";
import { testServers } from "../../servers.ts";
import { until } from "../../until.ts";

const servers = await testServers();
const longMs = 60_000;

if (servers.kind === "running") {
  describe("kafkaConsumer, when the broker has acted and its reply is lost", () => {
    const settings = { brokers: servers.kafkaBrokers.split(","), logLevel: logLevel.NOTHING };
    const direct = new Kafka(settings);
    const admin: Admin = direct.admin();
    const producer: Producer = direct.producer();
    let proxy: Awaited<ReturnType<typeof proxyTo>>;
    beforeAll(async () => {
      const [host = "", port] = servers.kafkaBrokers.split(":");
      proxy = await proxyTo({ host, port: Number(port) });
      await admin.connect();
      await producer.connect();
    }, longMs);
    afterAll(async () => {
      proxy?.close();
      await producer.disconnect();
      await admin.disconnect();
    }, longMs);

    test(
      "a commit that it did not hear of loses nothing and ends nothing: records may come again, and what follows comes",
      async () => {
        const topic = `topic-${Bun.randomUUIDv7()}` as Topic;
        const groupId = `group-${Bun.randomUUIDv7()}`;
        await admin.createTopics({ waitForLeaders: false, topics: [{ topic, numPartitions: 1 }] });
        const publish = (value: string) => producer.send({ topic, acks: -1, messages: [{ value }] });
        await until("its partition has a leader", () => succeeds(admin.fetchTopicOffsets(topic)), longMs);
        await until("it takes records", () => succeeds(publish("unheard")), longMs);
        const end = Number((await admin.fetchTopicOffsets(topic))[0]?.high);

        const fatal: string[] = [];
        const got: string[] = [];
        const consumer = kafkaConsumer(
          {
            ...settings,
            retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 2 },
            // The broker says itself where it is, so it is the sockets that go elsewhere.
            socketFactory: ({ onConnect }) => connect(proxy.port, "127.0.0.1", onConnect),
          },
          {
            ...{ groupId, topics: [topic], counters: createCounters() },
            log: createLog("results-listener", "error", () => {}),
            fatal: (what, error) => fatal.push(`${what}: ${error}`),
            sessionMs: 6_000,
          },
        );
        try {
          await consumer.start(async (records) => {
            // The next thing that the broker is asked is to commit these.
            if (got.length === 0) proxy.loseAnswers(true);
            got.push(...records.map(textOf));
          });
          await until("they are committed, and it has not heard of it", () => isCommitted(end), longMs);
          proxy.loseAnswers(false);
          await publish("after");
          await until("what follows comes", () => got.includes("after"), longMs);
          await until("and is committed", () => isCommitted(end + 1), longMs);
          expect(new Set(got)).toEqual(new Set(["unheard", "after"]));
          await until("it is in its group", () => consumer.notReadyReason() === null, longMs);
          expect(fatal).toEqual([]);
        } finally {
          await consumer.stop();
        }

        async function isCommitted(offset: number): Promise<boolean> {
          const [ofTopic] = await admin.fetchOffsets({ groupId, topics: [topic] });
          return Number(ofTopic?.partitions[0]?.offset) >= offset;
        }
      },
      longMs,
    );
  });
} else {
  describe.skip(`kafkaConsumer is not tested: ${servers.reason}`, () => test("a broker", () => {}));
}

const textOf = ({ value }: IncomingRecord) => Buffer.from(value ?? []).toString();

function succeeds(work: Promise<unknown>): Promise<boolean> {
  return work.then(
    () => true,
    () => false,
  );
}

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect } from "node:net";
import { limits, type OutgoingRecord, type Publisher, type Topic, Unavailable } from "@sate/contracts";
import { createCounters } from "@sate/contracts/runtime";
import { fakeLog } from "@sate/contracts/test/fakes/log.ts";
import { proxyTo, type TcpProxy } from "@sate/contracts/test/support/proxy.ts";
import { testServers } from "@sate/contracts/test/support/servers.ts";
import { until } from "@sate/contracts/test/until.ts";
import { Kafka, type KafkaConfig, logLevel } from "kafkajs";
import { kafkaPublisher } from "../../../src/adapters/kafka/publisher.ts";
import { publisherConformance, textOf } from "../../conformance/publisher.ts";
import { kafkaLog } from "./kafka-log.ts";

const servers = await testServers();
const longMs = 60_000;

if (servers.kind === "running") {
  publisherConformance("kafkaPublisher", () => kafkaLog(servers.kafkaBrokers));
  describe("kafkaPublisher", () => hardTimes(servers.kafkaBrokers));
} else {
  describe.skip(`kafkaPublisher is not tested: ${servers.reason}`, () => test("a broker", () => {}));
}

/** All through a proxy that can lose the broker's replies. */
function hardTimes(brokers: string): void {
  let log: Awaited<ReturnType<typeof kafkaLog>>;
  let proxy: TcpProxy;
  let publisher: Publisher;
  let topic: Topic;
  const settings = { brokers: brokers.split(","), logLevel: logLevel.NOTHING };
  const admin = new Kafka(settings).admin();
  beforeAll(async () => {
    const [host = "", port] = brokers.split(":");
    log = await kafkaLog(brokers);
    await admin.connect();
    proxy = await proxyTo({ host, port: Number(port) });
    const proxied: KafkaConfig = {
      ...settings,
      requestTimeout: 1_000,
      retry: { initialRetryTime: 100, maxRetryTime: 500, retries: 2 },
      // The broker says itself where it is, so it is the sockets that go elsewhere.
      socketFactory: ({ onConnect }) => connect(proxy.port, "127.0.0.1", onConnect),
    };
    publisher = kafkaPublisher(proxied, { counters: createCounters(), log: fakeLog() });
    await publisher.open();
  }, longMs);
  afterAll(async () => {
    await publisher?.close();
    await proxy?.refuse();
    await admin.disconnect();
    await log?.close();
  }, longMs);

  const testing = (what: string, body: () => Promise<void>) =>
    test(
      what,
      async () => {
        topic = await log.newTopic();
        await body();
      },
      longMs,
    );
  const record = (value: string | null, key: OutgoingRecord["key"] = "same") => {
    return { topic, key, value, headers: {} };
  };
  const publishes = (value: string) => isDone(publisher.publish([record(value)]));

  testing("many characters of three bytes each fit into the produce requests that carry them", async () => {
    const value = JSON.stringify("\u20ac".repeat(500_000));
    await publisher.publish(Array.from({ length: 16 }, () => record(value)));
  });

  testing(
    "the large keys of unreadable records do not stop the process, and fit into the produce requests, too",
    async () => {
      const key = Buffer.alloc(limits.originBytesMax, "k");
      await publisher.publish(Array.from({ length: 16 }, () => record(null, key)));
    },
  );

  for (const replies of ["swallow", "cut"] as const) {
    testing(
      `replies: ${replies}; it acknowledges nothing that it has not heard of, loses nothing, and gets over it`,
      async () => {
        await publisher.publish([record("before")]);
        proxy.replies = replies;
        let outcome: unknown;
        const publishing = publisher.publish([record("unheard")]).then(
          () => (outcome = "acknowledged"),
          (error: unknown) => (outcome = error),
        );
        const isStored = async () => {
          const offsets = await admin.fetchTopicOffsets(topic);
          return offsets.reduce((sum, { high }) => sum + Number(high), 0) >= 2;
        };
        await until("the broker has it", isStored, longMs);
        expect(outcome).not.toBe("acknowledged");
        proxy.replies = "pass";
        await publishing;
        if (outcome !== "acknowledged") expect(outcome).toBeInstanceOf(Unavailable);
        await until("it publishes again", () => publishes("after"), longMs);
        // Once more is allowed: readers are used to that.
        const texts = new Set((await log.read(topic, 3)).map(textOf));
        expect([...texts]).toEqual(["before", "unheard", "after"]);
      },
    );
  }

  testing(
    "a broker that says nothing while it is connected to, and comes to itself on that connection, is found again",
    async () => {
      await until("it publishes", () => publishes("before"), longMs);
      await proxy.refuse();
      proxy.replies = "swallow";
      await proxy.accept();
      expect(await publishes("unheard")).toBe(false);
      proxy.replies = "pass";
      await until("it publishes again", () => publishes("after"), longMs);
    },
  );
}

function isDone(work: Promise<unknown>): Promise<boolean> {
  return work.then(() => true).catch(() => false);
}

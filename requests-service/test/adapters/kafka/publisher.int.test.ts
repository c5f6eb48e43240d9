import { afterAll, beforeAll, describe, test } from "bun:test";
import { limits } from "@sate/contracts";
import type { Publisher } from "../../../src/ports.ts";
import { publisherConformance } from "../../conformance/publisher.ts";
import { testServers } from "../../servers.ts";
import { kafkaLog } from "./kafka-log.ts";

const servers = await testServers();
const longMs = 60_000;

if (servers.kind === "running") {
  publisherConformance("kafkaPublisher", () => kafkaLog(servers.kafkaBrokers));
  describe("kafkaPublisher", () => limitsOf(servers.kafkaBrokers));
} else {
  describe.skip(`kafkaPublisher is not tested: ${servers.reason}`, () => test("a broker", () => {}));
}

function limitsOf(brokers: string): void {
  let log: Awaited<ReturnType<typeof kafkaLog>>;
  let publisher: Publisher;
  beforeAll(async () => {
    log = await kafkaLog(brokers);
    publisher = log.publisher();
    await publisher.open();
  }, longMs);
  afterAll(async () => {
    await publisher?.close();
    await log?.close();
  }, longMs);

  test(
    "many characters of three bytes each fit into the produce requests that carry them",
    async () => {
      const topic = await log.newTopic();
      const value = JSON.stringify("\u20ac".repeat(500_000));
      await publisher.publish(Array.from({ length: 16 }, () => ({ topic, key: "same", value, headers: {} })));
    },
    longMs,
  );

  test(
    "the large keys of unreadable records do not stop the process, and fit into the produce requests, too",
    async () => {
      const topic = await log.newTopic();
      const key = Buffer.alloc(limits.originBytesMax, "k");
      await publisher.publish(Array.from({ length: 16 }, () => ({ topic, key, value: null, headers: {} })));
    },
    longMs,
  );
}

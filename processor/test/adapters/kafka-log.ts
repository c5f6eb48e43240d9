import { type IncomingRecord, limits, type Topic } from "@sate/contracts";
import { kafkaConsumer } from "../../src/adapters/consumer-kafka.ts";
import { kafkaClient } from "../../src/adapters/kafka-client.ts";
import { kafkaPublisher } from "../../src/adapters/publisher-kafka.ts";
import { createCounters } from "../../src/counters.ts";
import { createLog } from "../../src/log.ts";
import type { LogUnderTest } from "../conformance/consumer.ts";
import type { PublisherUnderTest } from "../conformance/publisher.ts";
import { eventually } from "../eventually.ts";

/** A Kafka of the tests as what the conformance suites ask for. */
export async function kafkaLog(brokers: string) {
  const counters = createCounters();
  const lines: string[] = [];
  const fatal: string[] = [];
  const log = createLog("processor", "debug", (line) => lines.push(line));
  const kafka = kafkaClient({ brokers, clientId: "tests", log });
  const admin = kafka.admin();
  await admin.connect();
  const publisher = () => kafkaPublisher(kafka, { counters, log });
  const own = publisher();
  await own.open();

  const member = (groupId: string, topic: Topic) =>
    kafkaConsumer(kafka, {
      groupId,
      topics: [topic],
      counters,
      log,
      fatal: (what, error) => fatal.push(`${what}: ${error}`),
    });

  const underTest: LogUnderTest & PublisherUnderTest = {
    async newTopic() {
      const topic = `topic-${Bun.randomUUIDv7()}`;
      const configEntries = [{ name: "max.message.bytes", value: String(limits.recordBytesMax) }];
      await admin.createTopics({
        waitForLeaders: false,
        topics: [{ topic, numPartitions: 3, configEntries }],
      });
      // A busy broker takes a while to lead the partitions of a new topic, and kafkajs takes the first denial
      // for final. Only a leader answers for offsets.
      let isLed = false;
      const ask = () => admin.fetchTopicOffsets(topic).then(() => true);
      for (let tries = 0; tries < 100 && !isLed; tries++) isLed = await ask().catch(() => false);
      if (!isLed) throw new Error("the topic has no leaders");
      return topic as Topic;
    },
    member,
    publisher,
    unreachable: (deadlineMs) =>
      kafkaPublisher(kafkaClient({ brokers: "127.0.0.1:1", clientId: "tests", log }), {
        counters,
        log,
        deadlineMs,
      }),
    publish: (records) => own.publish(records),
    async read(topic, count) {
      const consumer = member(`read-${Bun.randomUUIDv7()}`, topic);
      const got: IncomingRecord[] = [];
      try {
        await consumer.start(async (records) => void got.push(...records));
        await eventually(() => got.length >= count, `${count} records`, 30_000);
        return got;
      } finally {
        await consumer.stop();
      }
    },
    writes: () => counters.read().produce_requests ?? 0,
    async close() {
      await own.close();
      await admin.disconnect();
      if (fatal.length > 0) throw new Error(fatal.join("\n"));
    },
  };
  return { ...underTest, admin, kafka, counters, lines, fatal };
}

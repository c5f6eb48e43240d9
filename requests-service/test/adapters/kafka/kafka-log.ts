import { type IncomingRecord, limits, type Topic, topicSpec, topics } from "@sate/contracts";
import { createCounters, createLog, kafkaConfig } from "@sate/contracts/runtime";
import { until } from "@sate/contracts/test/until.ts";
import { type ITopicConfig, Kafka } from "kafkajs";
import { kafkaPublisher } from "../../../src/adapters/kafka/publisher.ts";
import type { PublisherUnderTest } from "../../conformance/publisher.ts";

/** A Kafka of the tests as what the conformance suite asks for. */
export async function kafkaLog(brokers: string): Promise<PublisherUnderTest> {
  const counters = createCounters();
  const log = createLog("test", "error", console.error);
  const config = kafkaConfig({ KAFKA_BROKERS: brokers }, { clientId: "tests", log });
  const kafka = new Kafka(config);
  const admin = kafka.admin();
  await admin.connect();

  async function createTopic(spec: ITopicConfig): Promise<void> {
    const { topic } = spec;
    await admin.createTopics({ waitForLeaders: false, topics: [spec] });
    // A busy broker takes a while to announce a new topic, and longer to elect leaders for its partitions, which offsets
    // are read from. `waitForLeaders` gives up at the first error.
    const isKnown = () => admin.listTopics().then((names) => names.includes(topic));
    await until("the topic is there", () => isKnown().catch(() => false));
    const isLed = () => admin.fetchTopicOffsets(topic).then(() => true);
    await until("its partitions have leaders", () => isLed().catch(() => false));
  }
  // Of Sate's own topics only this one: another process may be testing how the others are created.
  await createTopic(topicSpec(topics.deadLetters));

  return {
    async newTopic() {
      const topic = `topic-${Bun.randomUUIDv7()}`;
      const configEntries = [{ name: "max.message.bytes", value: String(limits.recordBytesMax) }];
      await createTopic({ topic, numPartitions: 3, configEntries });
      return topic as Topic;
    },
    publisher: () => kafkaPublisher(config, { counters, log }),
    async read(topic, count) {
      const records: IncomingRecord[] = [];
      const consumer = kafka.consumer({ groupId: `read-${Bun.randomUUIDv7()}`, maxWaitTimeInMs: 50 });
      try {
        await consumer.connect();
        await consumer.subscribe({ topic, fromBeginning: true });
        await consumer.run({
          autoCommit: false,
          eachMessage: async ({ partition, message: { offset, timestamp, key, value, headers } }) => {
            const first = Object.entries(headers ?? {}).map(([name, given]) => [name, [given].flat()[0]]);
            const plain = Object.fromEntries(first.map(([name, text]) => [name, Buffer.from(text ?? "")]));
            records.push({ topic, partition, offset, timestamp, key, value, headers: plain });
          },
        });
        await until(`${count} records`, () => records.length >= count, 30_000);
        return records;
      } finally {
        await consumer.disconnect();
      }
    },
    writes: () => counters.read().produce_requests ?? 0,
    close: () => admin.disconnect(),
    unreachable: (deadlineMs) => {
      const nowhere = { ...config, brokers: ["127.0.0.1:1"] };
      return kafkaPublisher(nowhere, { counters, log, deadlineMs });
    },
  };
}

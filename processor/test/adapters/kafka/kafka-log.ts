import { limits, type Topic } from "@sate/contracts";
import { createCounters, createLog, kafkaConfig } from "@sate/contracts/runtime";
import { Kafka } from "kafkajs";
import { kafkaConsumer } from "../../../src/adapters/kafka/consumer.ts";
import { kafkaPublisher } from "../../../src/adapters/kafka/publisher.ts";
import type { LogUnderTest } from "../../conformance/consumer.ts";
import { eventually } from "../../eventually.ts";

/** A Kafka of the tests as what the conformance suite asks for. */
export async function kafkaLog(brokers: string) {
  const counters = createCounters();
  const fatal: string[] = [];
  const log = createLog("processor", "error", () => {});
  const config = kafkaConfig({ KAFKA_BROKERS: brokers }, { clientId: "tests", log });
  const kafka = new Kafka(config);
  const admin = kafka.admin();
  await admin.connect();
  const publisher = kafkaPublisher(config, { counters, log });
  await publisher.open();

  async function createTopic(topic: Topic): Promise<void> {
    const configEntries = [{ name: "max.message.bytes", value: String(limits.recordBytesMax) }];
    await admin.createTopics({
      waitForLeaders: false,
      topics: [{ topic, numPartitions: 3, configEntries }],
    });
    // A busy broker takes a while to lead the partitions of a new topic, and kafkajs takes the first denial
    // for final. Only a leader returns offsets.
    const isLed = () => admin.fetchTopicOffsets(topic).then(() => true);
    await eventually(() => isLed().catch(() => false), "the topic has leaders", 30_000);
  }

  return {
    ...{ admin, config, kafka, fatal, createTopic },
    async newTopic() {
      const topic = `topic-${Bun.randomUUIDv7()}` as Topic;
      await createTopic(topic);
      return topic;
    },
    member: (groupId: string, topic: Topic) =>
      kafkaConsumer(config, {
        ...{ groupId, topics: [topic], fromBeginning: true, counters, log },
        fatal: (what, error) => fatal.push(`${what}: ${error}`),
      }),
    publish: publisher.publish,
    async close() {
      await publisher.close();
      await admin.disconnect();
      if (fatal.length > 0) throw new Error(fatal.join("\n"));
    },
  } satisfies LogUnderTest & Record<string, unknown>;
}

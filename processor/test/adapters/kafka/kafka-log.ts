import { limits, type Topic } from "@sate/contracts";
import { createCounters, createLog } from "@sate/contracts/runtime";
import { Kafka } from "kafkajs";
import { kafkaConfig } from "../../../src/adapters/kafka/client.ts";
import { kafkaConsumer } from "../../../src/adapters/kafka/consumer.ts";
import { kafkaPublisher } from "../../../src/adapters/kafka/publisher.ts";
import type { LogUnderTest } from "../../conformance/consumer.ts";

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

  const member = (groupId: string, topic: Topic) =>
    kafkaConsumer(config, {
      groupId,
      topics: [topic],
      counters,
      log,
      fatal: (what, error) => fatal.push(`${what}: ${error}`),
    });

  async function newTopic(): Promise<Topic> {
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
  }

  const underTest: LogUnderTest = {
    newTopic,
    member,
    publish: (records) => publisher.publish(records),
    async close() {
      await publisher.close();
      await admin.disconnect();
      if (fatal.length > 0) throw new Error(fatal.join("\n"));
    },
  };
  return { ...underTest, newTopic, admin, config, kafka, fatal };
}

import { partitionsDefault, type Topic, topicSpec } from "@sate/contracts";
import { Kafka, logLevel } from "kafkajs";
import type { TopicRecord, Topics } from "./system.ts";
import { until } from "./until.ts";

/** Topics of the real broker. */
export function kafkaTopics(broker: string): Topics {
  const kafka = new Kafka({ brokers: [broker], clientId: "e2e", logLevel: logLevel.NOTHING });
  const producer = kafka.producer();
  let connected: Promise<void> | null = null;

  return {
    async read(topic) {
      const admin = kafka.admin();
      await admin.connect();
      const ends = await admin.fetchTopicOffsets(topic);
      await admin.disconnect();
      const missing = new Map(
        ends.filter(({ high, low }) => high !== low).map(({ partition, high }) => [partition, BigInt(high)]),
      );
      const records: TopicRecord[] = [];
      if (missing.size === 0) return records;
      const consumer = kafka.consumer({ groupId: `e2e-${Bun.randomUUIDv7()}` });
      await consumer.connect();
      await consumer.subscribe({ topic, fromBeginning: true });
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`${topic} could not be read in time`)), 30_000);
        void consumer.run({
          autoCommit: false,
          eachMessage: async ({ partition, message }) => {
            const headers = Object.entries(message.headers ?? {}).map(([name, value]) => [
              name,
              String(value),
            ]);
            records.push({
              key: message.key,
              value: message.value,
              headers: Object.fromEntries(headers),
            });
            const end = missing.get(partition);
            if (end !== undefined && BigInt(message.offset) + 1n >= end) missing.delete(partition);
            if (missing.size > 0) return;
            clearTimeout(timer);
            resolve();
          },
        });
      });
      await consumer.disconnect();
      return records;
    },
    async publish(topic, records) {
      connected ??= producer.connect();
      await connected;
      await producer.send({ topic, acks: -1, messages: records });
    },
    async close() {
      await producer.disconnect();
    },
  };
}

/** Deletes topics, with whatever nobody has read yet, and makes them anew: the broker loses what it has acknowledged. */
export async function makeTopicsAnew(broker: string, topics: Topic[]): Promise<void> {
  const admin = new Kafka({ brokers: [broker], clientId: "e2e", logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    await admin.deleteTopics({ topics });
    const wanted = topics.map((topic) => topicSpec(topic));
    // While the old ones are still being deleted their names are taken.
    await until("the topics are made anew", 30_000, async () => {
      await admin.createTopics({ topics: wanted }).catch(() => {});
      const ends = await Promise.all(topics.map((topic) => admin.fetchTopicOffsets(topic)));
      return ends.every((partitions) => partitions.length === partitionsDefault);
    });
  } finally {
    await admin.disconnect();
  }
}

import { groups, outcomeTopics, partitionsDefault, topics } from "@sate/contracts";
import { Kafka, logLevel } from "kafkajs";
import type { TopicRecord } from "./evidence.ts";

const readMs = 60_000;
const readBy: [group: string, topics: readonly string[]][] = [
  [groups.processor, [topics.executions]],
  [groups.resultsListener, outcomeTopics],
];

export type Outgoing = { key: string | null; value: Buffer | null; headers: Record<string, string> };

/** The broker, past all proxies. */
export type Log = ReturnType<typeof kafkaLog>;

export function kafkaLog(broker: string) {
  const kafka = new Kafka({
    brokers: [broker],
    clientId: "torture",
    logLevel: logLevel.NOTHING,
    requestTimeout: 10_000,
    retry: { retries: 8 },
  });

  async function withAdmin<T>(work: (admin: ReturnType<typeof kafka.admin>) => Promise<T>): Promise<T> {
    const admin = kafka.admin();
    await admin.connect();
    try {
      return await work(admin);
    } finally {
      await admin.disconnect();
    }
  }

  return {
    async publish(topic: string, records: Outgoing[]): Promise<void> {
      const producer = kafka.producer();
      await producer.connect();
      try {
        for (let at = 0; at < records.length; at += 500) {
          await producer.send({ topic, acks: -1, messages: records.slice(at, at + 500) });
        }
      } finally {
        await producer.disconnect();
      }
    },

    /** All that the topic holds now. */
    read: (
      topic: string,
    ): Promise<(TopicRecord & Outgoing & { value: string | null; bytes: Buffer | null })[]> =>
      withAdmin(async (admin) => {
        const ends = new Map(
          (await admin.fetchTopicOffsets(topic))
            .filter(({ high, low }) => high !== low)
            .map(({ partition, high }) => [partition, BigInt(high)]),
        );
        const records: (TopicRecord & Outgoing & { value: string | null; bytes: Buffer | null })[] = [];
        if (ends.size === 0) return records as never;
        const groupId = `torture-${crypto.randomUUID()}`;
        const consumer = kafka.consumer({ groupId });
        await consumer.connect();
        await consumer.subscribe({ topic, fromBeginning: true });
        await new Promise<void>((resolve, reject) => {
          const timer = setTimeout(() => reject(new Error(`${topic} could not be read in time`)), readMs);
          void consumer.run({
            autoCommit: false,
            eachMessage: async ({ partition, message }) => {
              const headers = Object.entries(message.headers ?? {}).map(([name, value]) => [
                name,
                String(value),
              ]);
              const { offset, key, value } = message;
              records.push({
                topic,
                partition,
                offset,
                key: key?.toString() ?? null,
                value: value?.toString() ?? null,
                bytes: value,
                headers: Object.fromEntries(headers),
              } as never);
              const end = ends.get(partition);
              if (end !== undefined && BigInt(offset) + 1n >= end) ends.delete(partition);
              if (ends.size > 0) return;
              clearTimeout(timer);
              resolve();
            },
          });
        });
        await consumer.disconnect();
        return records as never;
      }),

    /** Records that stand in the topics and were not committed by the group that reads them. */
    lag: (): Promise<number> =>
      withAdmin(async (admin) => {
        let lag = 0;
        for (const [groupId, read] of readBy) {
          const committed = await admin.fetchOffsets({ groupId, topics: [...read] });
          for (const { topic, partitions } of committed) {
            const offsets = new Map(partitions.map(({ partition, offset }) => [partition, Number(offset)]));
            for (const { partition, high, low } of await admin.fetchTopicOffsets(topic)) {
              lag += Math.max(0, Number(high) - Math.max(Number(low), offsets.get(partition) ?? 0));
            }
          }
        }
        return lag;
      }),

    /** Sets the group to the beginning or the end of its topics, or of some of them. Rejects while it has members. */
    reset: (groupId: string, earliest: boolean, only?: string[]): Promise<void> =>
      withAdmin(async (admin) => {
        const read = readBy.find(([name]) => name === groupId)?.[1] ?? [];
        for (const topic of only ?? read) await admin.resetOffsets({ groupId, topic, earliest });
      }),

    makeAnew: (topic: string): Promise<void> =>
      withAdmin(async (admin) => {
        await admin.deleteTopics({ topics: [topic] });
        for (let tries = 0; tries < 50; tries++) {
          await Bun.sleep(200);
          const made = await admin
            .createTopics({ topics: [{ topic, numPartitions: partitionsDefault, replicationFactor: 1 }] })
            .then(() => true)
            .catch(() => false);
          if (made || (await admin.listTopics()).includes(topic)) return;
        }
        throw new Error(`${topic} could not be made anew`);
      }),
  };
}

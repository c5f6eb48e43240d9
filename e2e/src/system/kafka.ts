import { groups, outcomeTopics, partitionsDefault, type Topic, topicSpec, topics } from "@sate/contracts";
import { type Admin, Kafka, logLevel, type PartitionAssigner, PartitionAssigners } from "kafkajs";
import { until } from "../until.ts";
import type { TopicRecord } from "./system.ts";

const readMs = 240_000;
const readBy: [group: string, topics: readonly string[]][] = [
  [groups.processor, [topics.executions]],
  [groups.resultsListener, outcomeTopics],
];

const topicsOf = (group: string) => readBy.find(([name]) => name === group)?.[1] ?? [];

const withoutDeadLetters = (read: readonly string[]) => read.filter((topic) => topic !== topics.deadLetters);

const strangeAssigner: PartitionAssigner = (config) => {
  const { version, assign, protocol } = PartitionAssigners.roundRobin(config);
  const name = "stranger";
  return { name, version, assign, protocol: (given) => ({ ...protocol(given), name }) };
};

export type ReadRecord = TopicRecord & { topic: string; partition: number; offset: string };

/** The topics and groups of the broker, past its services. Each call has connections of its own. */
export function kafkaLog(broker: string) {
  const kafka = new Kafka({
    brokers: [broker],
    clientId: "e2e",
    logLevel: logLevel.NOTHING,
    requestTimeout: 10_000,
    retry: { retries: 8 },
  });

  async function withAdmin<T>(work: (admin: Admin) => Promise<T>): Promise<T> {
    const admin = kafka.admin();
    await admin.connect();
    try {
      return await work(admin);
    } finally {
      await admin.disconnect();
    }
  }

  /** Where each group stands in each partition that it reads; -1 where it has committed nothing. */
  async function positions(admin: Admin) {
    const found: { topic: string; partition: number; low: number; high: number; committed: number }[] = [];
    for (const [groupId, read] of readBy) {
      for (const { topic, partitions } of await admin.fetchOffsets({ groupId, topics: [...read] })) {
        const committed = new Map(partitions.map(({ partition, offset }) => [partition, Number(offset)]));
        for (const { partition, low, high } of await admin.fetchTopicOffsets(topic))
          found.push({
            topic,
            partition,
            low: Number(low),
            high: Number(high),
            committed: committed.get(partition) ?? -1,
          });
      }
    }
    return found;
  }

  /** What stands at these offsets, `to` not included. */
  async function readWindows(
    topic: string,
    windows: { partition: number; from: number; to: number }[],
  ): Promise<ReadRecord[]> {
    const open = new Map(windows.filter(({ from, to }) => to > from).map((one) => [one.partition, one]));
    const records: ReadRecord[] = [];
    if (open.size === 0) return records;
    const consumer = kafka.consumer({ groupId: `e2e-${crypto.randomUUID()}` });
    await consumer.connect();
    try {
      await consumer.subscribe({ topic, fromBeginning: true });
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`${topic} could not be read in time`)), readMs);
        consumer.on(consumer.events.GROUP_JOIN, () => {
          for (const { partition, from } of open.values()) {
            consumer.seek({ topic, partition, offset: String(from) });
          }
        });
        void consumer.run({
          autoCommit: false,
          eachMessage: async ({ partition, message: { offset, key, value, headers = {} } }) => {
            const window = open.get(partition);
            if (window && Number(offset) >= window.from && Number(offset) < window.to) {
              records.push({
                topic,
                partition,
                offset,
                key,
                value,
                headers: Object.fromEntries(
                  Object.entries(headers).map(([name, header]) => [name, String(header)]),
                ),
              });
            }
            if (window && Number(offset) + 1 >= window.to) open.delete(partition);
            if (open.size > 0) return;
            clearTimeout(timer);
            resolve();
          },
        });
      });
    } finally {
      await consumer.disconnect();
    }
    return records;
  }

  return {
    async publish(topic: string, records: TopicRecord[]): Promise<void> {
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

    /** All that the topic holds now, or only the last `most` of each partition. */
    read: async (topic: string, most = Number.MAX_SAFE_INTEGER): Promise<ReadRecord[]> =>
      withAdmin(async (admin) => {
        const offsets = await admin.fetchTopicOffsets(topic);
        const windows = offsets.map(({ partition, low, high }) => {
          return { partition, from: Math.max(Number(low), Number(high) - most), to: Number(high) };
        });
        return readWindows(topic, windows);
      }),

    /** The last records that each group has committed, at most `most` of each partition. */
    committed: (most: number): Promise<ReadRecord[]> =>
      withAdmin(async (admin) => {
        // Above the end stand only offsets of a topic that was deleted meanwhile.
        const there = (await positions(admin)).filter(({ committed, high }) => committed <= high);
        const found: ReadRecord[] = [];
        for (const [topic, own] of Map.groupBy(there, (one) => one.topic)) {
          const windows = own.map(({ partition, low, committed: to }) => {
            return { partition, from: Math.max(low, to - most), to };
          });
          found.push(...(await readWindows(topic, windows)));
        }
        return found;
      }),

    /** Records that stand in the topics and were not committed by the group that reads them. */
    lag: (): Promise<number> =>
      withAdmin(async (admin) => {
        const behind = (await positions(admin)).map(({ low, high, committed }) =>
          Math.max(0, high - Math.max(low, committed)),
        );
        return behind.reduce((sum, count) => sum + count, 0);
      }),

    /**
     * Sets the group to the beginning or the end of its topics; the end of the dead letters is left out, for that of a
     * refused attempt stands nowhere else. Rejects while it has members.
     */
    reset: (groupId: string, earliest: boolean): Promise<void> =>
      withAdmin(async (admin) => {
        const read = topicsOf(groupId);
        for (const topic of earliest ? read : withoutDeadLetters(read))
          await admin.resetOffsets({ groupId, topic, earliest });
      }),

    /** Takes away what the group has committed, as if it had never been. Rejects while it has members. */
    forget: (groupId: string): Promise<void> =>
      withAdmin(async (admin) => void (await admin.deleteGroups([groupId]))),

    /** The offset after the last record of each partition of what the group reads. */
    ends: (groupId: string): Promise<{ topic: string; partition: number; end: bigint }[]> =>
      withAdmin(async (admin) => {
        const found: { topic: string; partition: number; end: bigint }[] = [];
        for (const topic of withoutDeadLetters(topicsOf(groupId))) {
          for (const { partition, high } of await admin.fetchTopicOffsets(topic))
            found.push({ topic, partition, end: BigInt(high) });
        }
        return found;
      }),

    /**
     * Joins the group with a protocol that nobody else speaks. Rejects while it has other members. Answers how it
     * leaves.
     */
    async intrude(groupId: string): Promise<() => Promise<void>> {
      const consumer = kafka.consumer({ groupId, partitionAssigners: [strangeAssigner] });
      const joined = Promise.withResolvers<void>();
      consumer.on(consumer.events.GROUP_JOIN, () => joined.resolve());
      consumer.on(consumer.events.CRASH, ({ payload }) => joined.reject(payload.error));
      try {
        await consumer.connect();
        await consumer.subscribe({ topics: [...topicsOf(groupId)] });
        await consumer.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch: async () => {} });
        await joined.promise;
      } catch (error) {
        await consumer.disconnect();
        throw error;
      }
      return () => consumer.disconnect();
    },

    /** Deletes topics, with whatever nobody has read yet, and makes them anew: the broker loses what it has acknowledged. */
    makeAnew: (lost: Topic[]): Promise<void> =>
      withAdmin(async (admin) => {
        await admin.deleteTopics({ topics: lost });
        const wanted = lost.map((topic) => topicSpec(topic));
        // While the old ones are still being deleted their names are taken.
        await until("the topics are made anew", 30_000, async () => {
          await admin.createTopics({ topics: wanted }).catch(() => {});
          const ends = await Promise.all(lost.map((topic) => admin.fetchTopicOffsets(topic)));
          return ends.every((partitions) => partitions.length === partitionsDefault);
        });
      }),

    close: async () => {},
  };
}

import { groups, outcomeTopics, type Topic, topicSpec, topics } from "@sate/contracts";
import { Kafka, logLevel, type PartitionAssigner, PartitionAssigners } from "kafkajs";
import type { TopicRecord } from "./evidence.ts";

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

export type Outgoing = { key: string | null; value: Buffer | null; headers: Record<string, string> };

export type ReadRecord = TopicRecord & { bytes: Buffer | null; headers: Record<string, string> };

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

  /** What stands at these offsets, `to` not included. */
  async function readWindows(
    topic: string,
    windows: { partition: number; from: bigint; to: bigint }[],
  ): Promise<ReadRecord[]> {
    const open = new Map(windows.filter(({ from, to }) => to > from).map((one) => [one.partition, one]));
    const records: ReadRecord[] = [];
    if (open.size === 0) return records;
    const consumer = kafka.consumer({ groupId: `torture-${crypto.randomUUID()}` });
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
            if (window && BigInt(offset) >= window.from && BigInt(offset) < window.to) {
              records.push({
                topic,
                partition,
                offset,
                key: key?.toString() ?? null,
                value: value?.toString() ?? null,
                bytes: value,
                headers: Object.fromEntries(
                  Object.entries(headers).map(([name, header]) => [name, String(header)]),
                ),
              });
            }
            if (window && BigInt(offset) + 1n >= window.to) open.delete(partition);
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

    /** All that the topic holds now, or only the last `most` of each partition. */
    read: async (topic: string, most = Number.MAX_SAFE_INTEGER): Promise<ReadRecord[]> =>
      withAdmin(async (admin) => {
        const offsets = await admin.fetchTopicOffsets(topic);
        const windows = offsets.map(({ partition, low, high }) => {
          const from = Math.max(Number(low), Number(high) - most);
          return { partition, from: BigInt(from), to: BigInt(high) };
        });
        return readWindows(topic, windows);
      }),

    /** The last records that each group has committed, at most `most` of each partition. */
    committed: (most: number): Promise<ReadRecord[]> =>
      withAdmin(async (admin) => {
        const found: ReadRecord[] = [];
        for (const [groupId, read] of readBy) {
          for (const { topic, partitions } of await admin.fetchOffsets({ groupId, topics: [...read] })) {
            const lows = new Map(
              (await admin.fetchTopicOffsets(topic)).map(({ partition, low, high }) => [
                partition,
                { low: BigInt(low), high: BigInt(high) },
              ]),
            );
            const windows = partitions.flatMap(({ partition, offset }) => {
              const ends = lows.get(partition);
              const to = BigInt(offset);
              // Above the end stand only offsets of a topic that was deleted meanwhile.
              if (!ends || to > ends.high) return [];
              const from = to - BigInt(most) > ends.low ? to - BigInt(most) : ends.low;
              return [{ partition, from, to }];
            });
            found.push(...(await readWindows(topic, windows)));
          }
        }
        return found;
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

    makeAnew: (topic: Topic): Promise<void> =>
      withAdmin(async (admin) => {
        await admin.deleteTopics({ topics: [topic] });
        for (let tries = 0; tries < 50; tries++) {
          await Bun.sleep(200);
          const made = await admin
            .createTopics({ topics: [topicSpec(topic)] })
            .then(() => true)
            .catch(() => false);
          if (made || (await admin.listTopics()).includes(topic)) return;
        }
        throw new Error(`${topic} could not be made anew`);
      }),
  };
}

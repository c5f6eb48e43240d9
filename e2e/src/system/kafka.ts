import { groups, outcomeTopics, partitionsDefault, type Topic, topicSpec, topics } from "@sate/contracts";
import { type Admin, Kafka, logLevel, type PartitionAssigner, PartitionAssigners } from "kafkajs";
import { until } from "../until.ts";
import type { TopicRecord } from "./system.ts";

const readMs = 240_000;
const sentAtOnce = 500;
const readBy: Record<string, readonly string[]> = {
  [groups.processor]: [topics.executions],
  [groups.resultsListener]: outcomeTopics,
};
const topicsOf = (group: string) => [...(readBy[group] ?? [])];
const isOutcome = (topic: string) => topic !== topics.deadLetters;

const foreignAssigner: PartitionAssigner = (config) => {
  const { version, assign, protocol } = PartitionAssigners.roundRobin(config);
  const name = "foreign";
  return { name, version, assign, protocol: (given) => ({ ...protocol(given), name }) };
};

/** The offsets of a partition, and the one that its group has committed; -1 without one. */
export type Position = End & { low: number; committed: number };

/** The offset after the last record of a partition. */
export type End = { topic: string; partition: number; high: number };

export type ReadRecord = TopicRecord & { topic: string; partition: number; offset: string };

/** The topics and groups of the broker, without Sate's services. Each call opens and closes its own connections. */
export function kafkaLog(broker: string) {
  const kafka = new Kafka({
    brokers: [broker],
    clientId: "e2e",
    logLevel: logLevel.NOTHING,
    requestTimeout: 10_000,
    retry: { retries: 8 },
  });

  async function connected<C extends { connect(): Promise<void>; disconnect(): Promise<void> }, T>(
    client: C,
    work: (client: C) => Promise<T>,
  ): Promise<T> {
    await client.connect();
    try {
      return await work(client);
    } finally {
      await client.disconnect();
    }
  }
  const withAdmin = <T>(work: (admin: Admin) => Promise<T>) => connected(kafka.admin(), work);

  async function bounds(admin: Admin, topic: string) {
    const partitions = await admin.fetchTopicOffsets(topic);
    return partitions.map(({ partition, low, high }) => ({
      partition,
      low: Number(low),
      high: Number(high),
    }));
  }

  async function positions(admin: Admin): Promise<Position[]> {
    const found: Position[] = [];
    for (const groupId of Object.keys(readBy)) {
      for (const { topic, partitions } of await admin.fetchOffsets({ groupId, topics: topicsOf(groupId) })) {
        const committed = new Map(partitions.map(({ partition, offset }) => [partition, Number(offset)]));
        for (const one of await bounds(admin, topic))
          found.push({ topic, ...one, committed: committed.get(one.partition) ?? -1 });
      }
    }
    return found;
  }

  /** The records from offset `from` to `to`, which is not included. */
  async function readWindows(
    topic: string,
    windows: { partition: number; from: number; to: number }[],
  ): Promise<ReadRecord[]> {
    const open = new Map(windows.filter(({ from, to }) => to > from).map((one) => [one.partition, one]));
    const records: ReadRecord[] = [];
    if (open.size === 0) return records;
    return connected(kafka.consumer({ groupId: `e2e-${crypto.randomUUID()}` }), async (consumer) => {
      await consumer.subscribe({ topic, fromBeginning: true });
      const read = Promise.withResolvers<void>();
      const timer = setTimeout(() => read.reject(new Error(`${topic} could not be read in time`)), readMs);
      consumer.on(consumer.events.GROUP_JOIN, () => {
        for (const { partition, from } of open.values())
          consumer.seek({ topic, partition, offset: String(from) });
      });
      void consumer.run({
        autoCommit: false,
        eachMessage: async ({ partition, message: { offset, key, value, headers: raw = {} } }) => {
          const window = open.get(partition);
          if (window && Number(offset) >= window.from && Number(offset) < window.to) {
            const headers = Object.fromEntries(Object.entries(raw).map(([name, one]) => [name, String(one)]));
            records.push({ topic, partition, offset, key, value, headers });
          }
          if (window && Number(offset) + 1 >= window.to) open.delete(partition);
          if (open.size === 0) read.resolve();
        },
      });
      await read.promise.finally(() => clearTimeout(timer));
      return records;
    });
  }

  return {
    publish: (topic: string, records: TopicRecord[]): Promise<void> =>
      connected(kafka.producer(), async (producer) => {
        for (let at = 0; at < records.length; at += sentAtOnce)
          await producer.send({ topic, acks: -1, messages: records.slice(at, at + sentAtOnce) });
      }),

    /** Everything in the topic, or the last `most` records of each partition. */
    read: (topic: string, most = Number.MAX_SAFE_INTEGER): Promise<ReadRecord[]> =>
      withAdmin(async (admin) => {
        const windows = (await bounds(admin, topic)).map(({ partition, low, high }) => {
          return { partition, from: Math.max(low, high - most), to: high };
        });
        return readWindows(topic, windows);
      }),

    /** The position of each partition that a group reads. */
    positions: (): Promise<Position[]> => withAdmin(positions),

    /** The last records that groups had committed at these positions, at most `most` of each partition. */
    async committed(all: Position[], most: number): Promise<ReadRecord[]> {
      // A committed offset beyond the end belongs to a topic that was deleted.
      const there = all.filter(({ committed, high }) => committed <= high);
      const found: ReadRecord[] = [];
      for (const [topic, own] of Map.groupBy(there, (one) => one.topic)) {
        const windows = own.map(({ partition, low, committed: to }) => {
          return { partition, from: Math.max(low, to - most), to };
        });
        found.push(...(await readWindows(topic, windows)));
      }
      return found;
    },

    /**
     * The number of records that their group has not committed. Without an offset the listeners' group begins with the
     * first record, and that of the processors after the last one: what is queued is in the database.
     */
    lag: (): Promise<number> =>
      withAdmin(async (admin) =>
        (await positions(admin))
          .filter(({ topic, committed }) => committed >= 0 || topic !== topics.executions)
          .map(({ low, high, committed }) => Math.max(0, high - Math.max(low, committed)))
          .reduce((sum, count) => sum + count, 0),
      ),

    /**
     * Sets the group to the beginning or the end of its topics. It is not set to the end of the dead letters, since that
     * of a refused attempt is stored nowhere else. `before` is called before the group is set in a topic. Rejects while
     * the group has members.
     */
    reset: (groupId: string, earliest: boolean, before: (ends: End[]) => void = () => {}): Promise<void> =>
      withAdmin(async (admin) => {
        for (const topic of topicsOf(groupId).filter((one) => earliest || isOutcome(one))) {
          const all = await bounds(admin, topic);
          before(all.map((one) => ({ topic, ...one })));
          // `resetOffsets` leaves it to each member where that is.
          const partitions = all.map(({ partition, low, high }) => {
            return { partition, offset: String(earliest ? low : high) };
          });
          await admin.setOffsets({ groupId, topic, partitions });
        }
      }),

    /** Deletes the committed offsets of the group. Rejects while it has members. */
    forget: (groupId: string): Promise<void> =>
      withAdmin(async (admin) => void (await admin.deleteGroups([groupId]))),

    /** Joins the group with a protocol that no other member has. Rejects while it has members. Returns how to leave. */
    async intrude(groupId: string): Promise<() => Promise<void>> {
      const consumer = kafka.consumer({ groupId, partitionAssigners: [foreignAssigner] });
      const joined = Promise.withResolvers<void>();
      consumer.on(consumer.events.GROUP_JOIN, () => joined.resolve());
      consumer.on(consumer.events.CRASH, ({ payload }) => joined.reject(payload.error));
      try {
        await consumer.connect();
        await consumer.subscribe({ topics: topicsOf(groupId) });
        await consumer.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch: async () => {} });
        await joined.promise;
      } catch (error) {
        await consumer.disconnect();
        throw error;
      }
      return () => consumer.disconnect();
    },

    /** Deletes and recreates topics: the broker loses records that it has acknowledged and no group has read. */
    recreate: (lost: Topic[]): Promise<void> =>
      withAdmin(async (admin) => {
        await admin.deleteTopics({ topics: lost });
        // Until they are deleted completely, their names are taken.
        await until("the topics are recreated", 30_000, async () => {
          await admin.createTopics({ topics: lost.map((topic) => topicSpec(topic)) }).catch(() => {});
          const ends = await Promise.all(lost.map((topic) => admin.fetchTopicOffsets(topic)));
          return ends.every((partitions) => partitions.length === partitionsDefault);
        });
      }),
  };
}

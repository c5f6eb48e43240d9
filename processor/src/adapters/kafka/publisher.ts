import { limits, type OutgoingRecord, type Publisher, Unavailable } from "@sate/contracts";
import { type Counters, inParts, inTime, type Log } from "@sate/contracts/runtime";
import { type ICustomPartitioner, Kafka, type KafkaConfig, Partitioners } from "kafkajs";

type KafkaPublisherOptions = {
  counters: Counters;
  log: Log;
  /** Of one request to the broker. */
  deadlineMs?: number;
};

/** The most bytes in one produce request: a broker applies its record limit to a whole batch. */
const requestBytesMax = limits.recordBytesMax / 2;
/** The first bytes of a key, which decide its partition. */
const hashedBytesMax = 256;
const noResponse = "The broker does not respond.";

/**
 * A `Publisher` on Kafka: all in-sync replicas have the records when it resolves. A call makes one produce
 * request, or as many as its bytes need, one after the other. It is not batched with other calls: callers do that.
 */
export function kafkaPublisher(config: KafkaConfig, options: KafkaPublisherOptions): Publisher {
  const { counters, log, deadlineMs = 8_000 } = options;
  const kafka = new Kafka(config);
  const producer = kafka.producer({
    createPartitioner: byStartOfKey,
    allowAutoTopicCreation: false,
    // About two seconds, because partitions wait for a leader when they are new and when a broker restarts.
    retry: { initialRetryTime: 100, maxRetryTime: 500, retries: 6 },
  });
  producer.on(producer.events.REQUEST, ({ payload }) => {
    if (payload.apiName === "Produce") counters.add("produce_requests");
  });
  const admin = kafka.admin();
  let isClosed = false;

  async function produce(records: OutgoingRecord[]): Promise<void> {
    const byTopic = Map.groupBy(records, ({ topic }) => topic);
    const topicMessages = [...byTopic].map(([topic, ofTopic]) => ({
      topic,
      messages: ofTopic.map(({ key, value, headers }) => ({ key: bytes(key), value: bytes(value), headers })),
    }));
    await producer.sendBatch({ acks: -1, timeout: 5_000, topicMessages });
  }

  async function attempt(message: string, ...steps: (() => Promise<unknown>)[]): Promise<void> {
    try {
      for (const step of steps) await inTime(step(), deadlineMs);
    } catch (cause) {
      throw new Unavailable(message, { cause });
    }
  }

  return {
    open: () => attempt(noResponse, producer.connect, admin.connect),
    async publish(records) {
      if (isClosed) throw new Unavailable("The publisher is closed.");
      const parts = inParts(records, { sizeMax: requestBytesMax, sizeOf: bytesOf });
      await attempt("The broker did not accept the records.", ...parts.map((part) => () => produce(part)));
    },
    ping: () => attempt(noResponse, admin.describeCluster),
    async close() {
      if (isClosed) return;
      isClosed = true;
      const late = () => log.warn("a connection to the broker did not close in time");
      await Promise.all([producer, admin].map((end) => inTime(end.disconnect(), 2_000).catch(late)));
    },
  };
}

/**
 * kafkajs hashes keys in quadratic time: one of 1 MB would stop this process for 40 s. Ids are hashed whole; only
 * the key of an unreadable record, which may have any size, is longer.
 */
const byStartOfKey: ICustomPartitioner = () => {
  const partitionOf = Partitioners.DefaultPartitioner();
  return ({ message, ...args }) =>
    partitionOf({ ...args, message: { ...message, key: message.key?.slice(0, hashedBytesMax) ?? null } });
};

/** Bytes as the broker counts them: a character may have three. */
function bytesOf({ key, value, headers }: OutgoingRecord): number {
  let sum = Buffer.byteLength(key ?? "") + Buffer.byteLength(value ?? "");
  for (const [name, header] of Object.entries(headers)) {
    sum += Buffer.byteLength(name) + Buffer.byteLength(header);
  }
  return sum;
}

function bytes(value: string | Uint8Array | null): Buffer | null {
  return value === null ? null : typeof value === "string" ? Buffer.from(value) : Buffer.from(value);
}

import { type IncomingRecord, partitionsDefault, type Topic } from "@sate/contracts";
import type { EachBatchPayload, IHeaders, Kafka, KafkaMessage } from "kafkajs";
import type { Counters } from "../counters.ts";
import { inTime } from "../in-time.ts";
import { errorFields, type Log } from "../log.ts";
import { type Consumer, Unavailable } from "../ports.ts";

export type KafkaConsumerOptions = {
  groupId: string;
  topics: readonly Topic[];
  counters: Counters;
  log: Log;
  /** The consumer has ended and will not go on. */
  fatal: (what: string, error: unknown) => void;
};

type Waiting = { batch: EachBatchPayload; resolve: () => void; reject: (error: unknown) => void };

const heartbeatMs = 2_000;
/** A consumer that has neither fetched nor beaten for so long is out of its group. */
const silentMs = 15_000;
const connectMs = 8_000;
const stopMs = 5_000;
const retryPauseMs = 500;

/**
 * A `Consumer` on a Kafka consumer group. All partitions of one fetch are handled together and committed
 * together, and only then the next fetch begins; in between the member keeps its heart beating, so a handler
 * that must wait for a database does not lose its partitions.
 *
 * An exception that reaches kafkajs can stop its consumer for ever while the process stays up. So nothing of
 * ours throws into it but what it threw itself (a rebalance), and a crash that it does not restart from ends
 * the process.
 */
export function kafkaConsumer(kafka: Kafka, options: KafkaConsumerOptions): Consumer {
  const { groupId, topics, counters, log, fatal } = options;
  const consumer = kafka.consumer({
    groupId,
    sessionTimeout: 20_000,
    rebalanceTimeout: 15_000,
    heartbeatInterval: heartbeatMs,
    allowAutoTopicCreation: false,
    maxWaitTimeInMs: 1_000,
    maxBytesPerPartition: 4 * 1024 * 1024,
    maxBytes: 16 * 1024 * 1024,
    metadataMaxAge: 30_000,
    // Of the consumer as a whole: it tries again for ever, with growing pauses.
    retry: { initialRetryTime: 200, maxRetryTime: 5_000, retries: 8, restartOnFailure: async () => true },
  });
  let handle: (records: IncomingRecord[]) => Promise<void> = async () => {};
  let waiting: Waiting[] = [];
  let isRunning = false;
  let isStopped = false;
  let lastSignAt = performance.now();

  const sign = () => {
    lastSignAt = performance.now();
  };
  const joined = new Promise<void>((resolve) => consumer.on(consumer.events.GROUP_JOIN, () => resolve()));
  consumer.on(consumer.events.GROUP_JOIN, sign);
  consumer.on(consumer.events.FETCH, sign);
  consumer.on(consumer.events.HEARTBEAT, sign);
  consumer.on(consumer.events.REBALANCING, () => counters.add("rebalances"));
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    log.warn("the consumer crashed", { restarts: payload.restart, ...errorFields(payload.error) });
    if (!payload.restart && !isStopped) fatal("the consumer", payload.error);
  });

  /** kafkajs hands over the partitions of a fetch at once, each for itself; they are handled as one. */
  function eachBatch(batch: EachBatchPayload): Promise<void> {
    return new Promise((resolve, reject) => {
      waiting.push({ batch, resolve, reject });
      if (waiting.length === 1) setImmediate(handleWaiting);
    });
  }

  async function handleWaiting(): Promise<void> {
    const group = waiting;
    waiting = [];
    try {
      await handleGroup(group.map(({ batch }) => batch));
      for (const { resolve } of group) resolve();
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
  }

  async function handleGroup(batches: EachBatchPayload[]): Promise<void> {
    const [first] = batches;
    if (!first) return;
    const records = batches.flatMap(({ batch: { topic, partition, messages } }) =>
      messages.map((message) => incoming(topic, partition, message)),
    );
    while (!(await isHandled(records, first.heartbeat))) {
      if (isStopped) return;
    }
    for (const { batch, resolveOffset } of batches) resolveOffset(batch.lastOffset());
    counters.add("offset_commits");
    try {
      await consumer.commitOffsets(
        batches.map(({ batch }) => ({
          topic: batch.topic,
          partition: batch.partition,
          offset: String(BigInt(batch.lastOffset()) + 1n),
        })),
      );
    } catch (error) {
      // The records are handled: if nobody commits later ones, they come once more, and that is harmless.
      counters.add("offset_commits_rejected");
      throw error;
    }
  }

  /** One try, while the heart beats. Rejects only with what kafkajs itself threw. */
  async function isHandled(records: IncomingRecord[], heartbeat: () => Promise<void>): Promise<boolean> {
    const work = handle(records).then(
      () => true,
      async (error) => {
        log.warn("could not handle records; they are tried again", {
          records: records.length,
          ...errorFields(error),
        });
        await Bun.sleep(retryPauseMs * (0.5 + Math.random()));
        return false;
      },
    );
    for (;;) {
      const answer = await Promise.race([work, pause(heartbeatMs)]);
      if (answer !== undefined) return answer;
      await heartbeat();
    }
  }

  return {
    async start(handler) {
      handle = handler;
      try {
        if (!isRunning) {
          await inTime(consumer.connect(), connectMs);
          await inTime(consumer.subscribe({ topics: [...topics], fromBeginning: true }), connectMs);
          // From here on kafkajs itself tries again, and must not be told to run twice.
          isRunning = true;
          void consumer.run({
            autoCommit: false,
            eachBatchAutoResolve: false,
            partitionsConsumedConcurrently: partitionsDefault * topics.length,
            eachBatch,
          });
        }
        await inTime(joined, connectMs);
      } catch (cause) {
        throw new Unavailable("The broker does not answer.", { cause });
      }
    },
    async stop() {
      if (isStopped) return;
      isStopped = true;
      const end = async () => {
        await consumer.stop();
        await consumer.disconnect();
      };
      await inTime(end(), stopMs).catch(() => log.warn("the consumer did not stop in time"));
    },
    complaint() {
      return performance.now() - lastSignAt > silentMs ? "The consumer is not in its group." : null;
    },
  };
}

function pause(ms: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(resolve, ms, undefined));
}

function incoming(topic: string, partition: number, message: KafkaMessage): IncomingRecord {
  return {
    topic,
    partition,
    offset: message.offset,
    timestamp: message.timestamp,
    key: message.key,
    value: message.value,
    headers: headersOf(message.headers),
  };
}

/** Of a header that is repeated the last counts; a header may have no value, which kafkajs does not say in its types. */
function headersOf(headers: IHeaders | undefined): Record<string, Uint8Array> {
  const entries = Object.entries(headers ?? {}).flatMap(([name, value]) => {
    const last = Array.isArray(value) ? value.at(-1) : value;
    return last === undefined ? [] : [[name, Buffer.from(last ?? "")] as const];
  });
  return Object.fromEntries(entries);
}

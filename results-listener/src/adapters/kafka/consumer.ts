import { type Consumer, type IncomingRecord, partitionsDefault, Unavailable } from "@sate/contracts";
import { type Counters, errorFields, inParts, inTime, type Log } from "@sate/contracts/runtime";
import {
  type EachBatchPayload,
  Kafka,
  type KafkaConfig,
  KafkaJSProtocolError,
  type KafkaMessage,
} from "kafkajs";

type KafkaConsumerOptions = {
  groupId: string;
  topics: readonly string[];
  /** Whether a group without offsets begins with the first record, or with the first one that comes after it. */
  fromBeginning: boolean;
  counters: Counters;
  log: Log;
  /** The consumer has ended and will not go on. */
  fatal: (what: string, error: unknown) => void;
  /** A member without a heartbeat for this long loses its place in the group. */
  sessionMs?: number;
};

const heartbeatMs = 2_000;
/** A consumer without a fetch or a heartbeat for this long counts as out of its group. */
const outOfGroupMs = 15_000;
const connectMs = 8_000;
const stopMs = 5_000;
const retryPauseMs = 500;
/** The most records in one call of the handler, so that it ends within the deadlines of what it calls. */
const partLimits = {
  itemsMax: 512,
  sizeMax: 8 * 1024 * 1024,
  sizeOf: ({ value }: IncomingRecord) => value?.length ?? 0,
};
const topicMissing = "A topic does not exist yet: requests-service creates it when it starts.";

/**
 * A `Consumer` on a Kafka consumer group. All partitions of one fetch are handled together, in parts of limited
 * size, and committed together, and only then the next fetch begins; meanwhile heartbeats go on, so a handler that
 * waits for a database does not lose its partitions. What is handled is not handled again because a later part
 * failed: a fetch after a long pause has thousands of records, and might never succeed as a whole.
 *
 * An exception that reaches kafkajs can stop its consumer permanently while the process stays up. So this code throws
 * nothing into it except what it threw itself (a rebalance), and a crash from which it does not restart ends the
 * process.
 */
export function kafkaConsumer(config: KafkaConfig, options: KafkaConsumerOptions): Consumer {
  const { groupId, topics, fromBeginning, counters, log, fatal, sessionMs = 10_000 } = options;
  // The broker responds to SyncGroup when the leader has assigned the partitions, or when the session of a dead leader
  // has ended. A member that does not wait leaves, rejoins as another member, and may meet the next dead leader.
  const kafka = new Kafka({ ...config, requestTimeout: sessionMs + 5_000 });
  const consumer = kafka.consumer({
    groupId,
    sessionTimeout: sessionMs,
    rebalanceTimeout: 15_000,
    heartbeatInterval: heartbeatMs,
    allowAutoTopicCreation: false,
    maxWaitTimeInMs: 1_000,
    maxBytesPerPartition: 4 * 1024 * 1024,
    maxBytes: 16 * 1024 * 1024,
    metadataMaxAge: 30_000,
    // A consumer that restarts is a new member, and its group waits until the session of the old one has ended. So it
    // retries for longer than a broker takes to restart, with pauses that are short beside that.
    retry: {
      initialRetryTime: 200,
      maxRetryTime: 1_000,
      retries: 30,
      restartOnFailure: async () => !isStopped,
    },
  });
  let handle: (records: IncomingRecord[]) => Promise<void> = async () => {};
  const fetched: EachBatchPayload[] = [];
  let handled: Promise<void> = Promise.resolve();
  let running: Promise<void> | null = null;
  let lastWork: Promise<unknown> = Promise.resolve();
  let isStopped = false;
  let lastSignAt = performance.now();

  const sign = () => {
    lastSignAt = performance.now();
  };
  const joined = Promise.withResolvers<void>();
  joined.promise.catch(() => {}); // `start` reports it
  consumer.on(consumer.events.GROUP_JOIN, () => joined.resolve());
  consumer.on(consumer.events.GROUP_JOIN, sign);
  consumer.on(consumer.events.HEARTBEAT, sign);
  consumer.on(consumer.events.HEARTBEAT, () => counters.add("group_heartbeats"));
  consumer.on(consumer.events.FETCH, sign);
  // It was stopped during a restart, for which kafkajs emits no event, and joined afterwards.
  consumer.on(consumer.events.FETCH, () => {
    if (isStopped) void leave();
  });
  consumer.on(consumer.events.REBALANCING, () => counters.add("rebalances"));
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    log.warn("the consumer crashed", { restarts: payload.restart, ...errorFields(payload.error) });
    if (payload.restart || isStopped) return;
    if (payload.error.name === "KafkaJSGroupCoordinatorNotFound") running = runAgain();
    else fatal("the consumer", payload.error);
  });

  /** A new broker has no coordinator for its first seconds. kafkajs treats that as final and disconnects. */
  async function runAgain(): Promise<void> {
    while (!isStopped) {
      await Bun.sleep(retryPauseMs * (0.5 + Math.random()));
      const connecting = inTime(consumer.connect(), connectMs).then(() => true);
      if ((await connecting.catch(() => false)) && !isStopped) return run();
    }
  }

  async function leave(): Promise<void> {
    const end = async () => {
      // Stopping kafkajs does nothing until its first join has succeeded or failed.
      await running;
      await consumer.stop();
      await consumer.disconnect();
    };
    await inTime(end(), stopMs).catch(() => log.warn("the consumer did not stop in time"));
  }

  /** kafkajs delivers each partition of a fetch separately, all in one turn; they are handled together. */
  function eachBatch(batch: EachBatchPayload): Promise<void> {
    if (isStopped) return Promise.resolve();
    if (fetched.push(batch) === 1) {
      handled = new Promise((resolve) => setImmediate(resolve)).then(() => handleAll(fetched.splice(0)));
    }
    return handled;
  }

  async function handleAll(batches: EachBatchPayload[]): Promise<void> {
    const records = batches.flatMap(({ batch: { topic, partition, messages } }) =>
      messages.map((message) => incoming(topic, partition, message)),
    );
    const { heartbeat, commitOffsetsIfNecessary } = batches[0] as EachBatchPayload;
    for (const part of inParts(records, partLimits)) {
      while (!(await isHandled(part, heartbeat))) {
        if (isStopped) return;
      }
    }
    const byTopic = Map.groupBy(batches, ({ batch }) => batch.topic);
    const topicsBehind = [...byTopic].map(([topic, ofTopic]) => ({
      topic,
      partitions: ofTopic.map(({ batch }) => ({
        partition: batch.partition,
        offset: String(BigInt(batch.lastOffset()) + 1n),
      })),
    }));
    try {
      // Not through the consumer: that would wrap a rebalance into an error from which kafkajs does not recover, and
      // would commit nothing during a stop.
      await commitOffsetsIfNecessary({ topics: topicsBehind });
      counters.add("offset_commits");
    } catch (error) {
      counters.add("offset_commits_rejected");
      throw error; // its offsets stay unresolved, so everything is fetched, handled and committed again
    }
    for (const { batch, resolveOffset } of batches) resolveOffset(batch.lastOffset());
  }

  /**
   * One attempt, after the previous one: that may still be in progress if the group was rebalanced meanwhile, or if
   * records come from several brokers. Heartbeats are sent before and during it, because many short attempts may also
   * take longer than a session. A stop does not wait for a handler that takes longer than a heartbeat: its records are
   * delivered again elsewhere. Rejects only with what kafkajs itself threw.
   */
  async function isHandled(records: IncomingRecord[], heartbeat: () => Promise<void>): Promise<boolean> {
    const failed = async (error: unknown) => {
      const fields = { records: records.length, ...errorFields(error) };
      log.warn("could not handle records; they will be retried", fields);
      await Bun.sleep(retryPauseMs * (0.5 + Math.random()));
      return false;
    };
    await heartbeat();
    const work = lastWork.then(() => handle(records)).then(() => true, failed);
    lastWork = work;
    for (;;) {
      const result = await inTime(work, heartbeatMs).catch(() => null);
      if (result !== null) return result;
      if (isStopped) return false;
      await heartbeat();
    }
  }

  /** From here on kafkajs itself retries; calling its `run` twice is an error. Never rejects. */
  async function run(): Promise<void> {
    try {
      await consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        partitionsConsumedConcurrently: partitionsDefault * topics.length,
        eachBatch,
      });
    } catch (error) {
      if (!isStopped) fatal("the consumer", error);
    }
  }

  return {
    async start(handler) {
      handle = handler;
      if (isStopped) throw new Unavailable("The consumer is stopped.");
      try {
        if (running === null) {
          await inTime(consumer.connect(), connectMs);
          await inTime(consumer.subscribe({ topics: [...topics], fromBeginning }), connectMs);
          if (isStopped) await leave();
          else running = run();
        }
        await inTime(joined.promise, connectMs);
      } catch (cause) {
        if (isTopicMissing(cause)) throw new Unavailable(topicMissing, { cause });
        // The group waits until the session of a dead member has ended, which may take longer than this.
        if (running !== null) throw new Unavailable("The consumer has not joined its group yet.", { cause });
        throw new Unavailable("The broker does not respond.", { cause });
      }
    },
    async stop() {
      if (isStopped) return;
      isStopped = true;
      joined.reject(new Unavailable("The consumer is stopped."));
      await leave();
    },
    notReadyReason() {
      return performance.now() - lastSignAt > outOfGroupMs ? "The consumer is not in its group." : null;
    },
  };
}

/** A record as the contracts define it. If a header is repeated, the last one counts. */
function incoming(topic: string, partition: number, message: KafkaMessage): IncomingRecord {
  const { offset, timestamp, key, value, headers = {} } = message;
  // A header may have no value, although the types of kafkajs do not allow for it.
  const bytes = Object.entries(headers).map(([name, given]) => [
    name,
    Buffer.from([given].flat().at(-1) ?? ""),
  ]);
  return { topic, partition, offset, timestamp, key, value, headers: Object.fromEntries(bytes) };
}

/** kafkajs subscribes to all topics or to none. */
function isTopicMissing(error: unknown): boolean {
  return error instanceof KafkaJSProtocolError && error.type === "UNKNOWN_TOPIC_OR_PARTITION";
}

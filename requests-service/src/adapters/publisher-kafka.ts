import { limits, type OutgoingRecord, partitionsDefault, type Topic, topics } from "@sate/contracts";
import { type Admin, Kafka, type logCreator, logLevel, Partitioners, type Producer } from "kafkajs";
import type { Counters } from "../counters.ts";
import type { Log } from "../log.ts";
import { type Publisher, Unavailable } from "../ports.ts";

export type KafkaPublisherOptions = {
  brokers: string[];
  clientId: string;
  counters: Counters;
  log: Log;
  /** Of the topics, if they are not there yet. */
  replicationFactor?: number;
  /** For one publish, whatever the broker does. */
  deadlineMs?: number;
};

type Waiting = { records: OutgoingRecord[]; resolve: () => void; reject: (error: Unavailable) => void };

/** One produce request carries at most this: a broker counts its record limit over a whole batch. */
const requestBytesMax = limits.recordBytesMax / 2;
/** Records that may wait while a produce request is under way; more are refused. */
const waitingMax = 10_000;

/**
 * A `Publisher` on Kafka: acknowledged by all in-sync replicas when it resolves. One produce request at a
 * time, filled with what has gathered while the last one was under way; a lone record leaves at once.
 */
export function kafkaPublisher(options: KafkaPublisherOptions): Publisher {
  const { brokers, clientId, counters, log, replicationFactor = 1, deadlineMs = 8_000 } = options;
  const kafka = new Kafka({
    brokers,
    clientId,
    connectionTimeout: 3_000,
    requestTimeout: 5_000,
    retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 2 },
    logLevel: logLevel.ERROR,
    logCreator: quietLogs(log),
  });
  const producer = kafka.producer({
    createPartitioner: Partitioners.DefaultPartitioner,
    allowAutoTopicCreation: false,
  });
  producer.on(producer.events.REQUEST, ({ payload }) => {
    if (payload.apiName === "Produce") counters.add("produce_requests");
  });
  const admin = kafka.admin();
  let waiting: Waiting[] = [];
  let waitingCount = 0;
  let isSending = false;
  let isClosed = false;

  async function sendAll(): Promise<void> {
    if (isSending) return;
    isSending = true;
    while (waiting.length > 0) {
      const { group, rest } = firstOf(waiting);
      waiting = rest;
      const records = group.flatMap((member) => member.records);
      waitingCount -= records.length;
      try {
        await inTime(send(producer, records), deadlineMs);
        for (const { resolve } of group) resolve();
      } catch (cause) {
        const error = new Unavailable("The broker did not take the records.", { cause });
        for (const { reject } of group) reject(error);
      }
    }
    isSending = false;
  }

  return {
    async open() {
      try {
        await inTime(producer.connect(), deadlineMs);
        await inTime(admin.connect(), deadlineMs);
        await inTime(makeTopics(admin, replicationFactor), deadlineMs);
      } catch (cause) {
        throw new Unavailable("The broker does not answer.", { cause });
      }
    },
    publish(records) {
      if (records.length === 0) return Promise.resolve();
      return new Promise((resolve, reject) => {
        if (isClosed) return reject(new Unavailable("The publisher is closed."));
        if (waitingCount + records.length > waitingMax) {
          return reject(new Unavailable("Too many records are waiting for the broker."));
        }
        waiting.push({ records, resolve, reject });
        waitingCount += records.length;
        void sendAll();
      });
    },
    async ping() {
      try {
        await inTime(admin.describeCluster(), deadlineMs);
      } catch (cause) {
        throw new Unavailable("The broker does not answer.", { cause });
      }
    },
    async close() {
      if (isClosed) return;
      isClosed = true;
      for (const end of [() => producer.disconnect(), () => admin.disconnect()]) {
        await inTime(end(), 2_000).catch(() => log.warn("a connection to the broker did not close in time"));
      }
    },
  };
}

/** As many waiting members as fit into one request, at least one. */
function firstOf(waiting: Waiting[]): { group: Waiting[]; rest: Waiting[] } {
  let bytes = 0;
  let count = 0;
  for (const { records } of waiting) {
    for (const { value } of records) bytes += value?.length ?? 0;
    if (count > 0 && bytes > requestBytesMax) break;
    count++;
  }
  return { group: waiting.slice(0, count), rest: waiting.slice(count) };
}

async function send(producer: Producer, records: OutgoingRecord[]): Promise<void> {
  const byTopic = new Map<Topic, OutgoingRecord[]>();
  for (const record of records) byTopic.set(record.topic, [...(byTopic.get(record.topic) ?? []), record]);
  await producer.sendBatch({
    acks: -1,
    timeout: 5_000,
    topicMessages: [...byTopic].map(([topic, ofTopic]) => ({
      topic,
      messages: ofTopic.map(({ key, value, headers }) => ({ key: bytes(key), value: bytes(value), headers })),
    })),
  });
}

function bytes(value: string | Uint8Array | null): Buffer | null {
  return value === null ? null : typeof value === "string" ? Buffer.from(value) : Buffer.from(value);
}

/** Makes those topics that are missing. A dead letter may carry the bytes of any record, and more. */
async function makeTopics(admin: Admin, replicationFactor: number): Promise<void> {
  await admin.createTopics({
    waitForLeaders: true,
    timeout: 5_000,
    topics: Object.values(topics).map((topic) => ({
      topic,
      numPartitions: partitionsDefault,
      replicationFactor,
      configEntries: [
        {
          name: "max.message.bytes",
          value: String(topic === topics.deadLetters ? limits.deadLetterBytesMax : limits.recordBytesMax),
        },
      ],
    })),
  });
}

/** kafkajs has no deadline of its own over its retries. What comes after the deadline is not waited for. */
function inTime<T>(work: Promise<T>, deadlineMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("deadline passed")), deadlineMs);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** What kafkajs says, without its addresses and stacks. */
function quietLogs(log: Log): logCreator {
  return () => {
    return ({ namespace, log: entry }) => log.warn("kafka client", { namespace, said: entry.message.slice(0, 200) });
  };
}

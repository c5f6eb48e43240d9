import { limits, type OutgoingRecord, settingsLacking, type Topic, topicSpec, topics } from "@sate/contracts";
import { type Admin, ConfigResourceTypes, type Kafka, Partitioners, type Producer } from "kafkajs";
import type { Counters } from "../counters.ts";
import { gather } from "../gather.ts";
import { inTime } from "../in-time.ts";
import { errorFields, type Log } from "../log.ts";
import { type Publisher, Unavailable } from "../ports.ts";

export type KafkaPublisherOptions = {
  counters: Counters;
  log: Log;
  /** Of topics that are not there yet. */
  replicationFactor?: number;
  /** For one call, whatever the broker does. */
  deadlineMs?: number;
};

/** One produce request carries at most this: a broker counts its record limit over a whole batch. */
const requestBytesMax = limits.recordBytesMax / 2;

/**
 * A `Publisher` on Kafka: acknowledged by all in-sync replicas when it resolves. One produce request at a
 * time, filled with what has gathered while the last one was under way; a lone record leaves at once.
 */
export function kafkaPublisher(kafka: Kafka, options: KafkaPublisherOptions): Publisher {
  const { counters, log, replicationFactor = 1, deadlineMs = 8_000 } = options;
  const producer = kafka.producer({
    createPartitioner: Partitioners.DefaultPartitioner,
    allowAutoTopicCreation: false,
    // About two seconds: partitions get new leaders when a broker restarts, and their first one late.
    retry: { initialRetryTime: 100, maxRetryTime: 500, retries: 6 },
  });
  producer.on(producer.events.REQUEST, ({ payload }) => {
    if (payload.apiName === "Produce") counters.add("produce_requests");
  });
  const admin = kafka.admin();
  let isClosed = false;

  const publishOne = gather<OutgoingRecord, void>(
    async (records) => {
      await inTime(send(producer, records), deadlineMs);
      return [];
    },
    {
      itemsMax: 2_000,
      sizeMax: requestBytesMax,
      sizeOf: bytesOf,
      waitingMax: 10_000,
      full: () => new Unavailable("Too many records are waiting for the broker."),
    },
  );

  return {
    async open() {
      try {
        await inTime(producer.connect(), deadlineMs);
        await inTime(admin.connect(), deadlineMs);
        await inTime(makeTopics(admin, replicationFactor), deadlineMs);
      } catch (cause) {
        throw new Unavailable("The broker does not answer.", { cause });
      }
      await inTime(tellWhatTopicsLack(admin, log), deadlineMs).catch((error) =>
        log.debug("the broker does not show the settings of its topics", errorFields(error)),
      );
    },
    async publish(records) {
      if (isClosed) throw new Unavailable("The publisher is closed.");
      try {
        await Promise.all(records.map(publishOne));
      } catch (cause) {
        throw new Unavailable("The broker did not take the records.", { cause });
      }
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
      const late = () => log.warn("a connection to the broker did not close in time");
      await Promise.all([producer, admin].map((end) => inTime(end.disconnect(), 2_000).catch(late)));
    },
  };
}

async function send(producer: Producer, records: OutgoingRecord[]): Promise<void> {
  const byTopic = Map.groupBy(records, ({ topic }): Topic => topic);
  await producer.sendBatch({
    acks: -1,
    timeout: 5_000,
    topicMessages: [...byTopic].map(([topic, ofTopic]) => ({
      topic,
      messages: ofTopic.map(({ key, value, headers }) => ({ key: bytes(key), value: bytes(value), headers })),
    })),
  });
}

/** Bytes as the broker counts them: a character may have three. */
function bytesOf({ value, headers }: OutgoingRecord): number {
  let sum = value === null ? 0 : Buffer.byteLength(value);
  for (const [name, header] of Object.entries(headers)) sum += Buffer.byteLength(name + header);
  return sum;
}

function bytes(value: string | Uint8Array | null): Buffer | null {
  return value === null ? null : typeof value === "string" ? Buffer.from(value) : Buffer.from(value);
}

/** Makes those topics that are missing. */
async function makeTopics(admin: Admin, replicationFactor: number): Promise<void> {
  await admin.createTopics({
    waitForLeaders: true,
    timeout: 5_000,
    topics: Object.values(topics).map((topic) => topicSpec(topic, replicationFactor)),
  });
}

/** Somebody may have made a topic before; what it lacks is else seen only when the broker refuses a record. */
async function tellWhatTopicsLack(admin: Admin, log: Log): Promise<void> {
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: Object.values(topics).map((name) => ({ type: ConfigResourceTypes.TOPIC, name })),
  });
  for (const { resourceName, configEntries } of resources) {
    const lacking = settingsLacking(resourceName as Topic, configEntries);
    if (lacking.length > 0)
      log.warn("the topic needs other settings, or the broker may refuse records: change them there", {
        topic: resourceName,
        needs: lacking.join(" "),
      });
  }
}

import { limits } from "../values/limits.ts";

/**
 * Every Kafka topic of Sate. The key of every record is the processing request's id, so that all that
 * happens to one request stands in one partition. Consumers never rely on that order.
 */
export const topics = {
  executions: "processing_requests_executions",
  successful: "successful_executions",
  failed: "failed_executions",
  deadLetters: "dead_letter_queue",
} as const;

export type Topic = (typeof topics)[keyof typeof topics];

/** The topics that carry outcomes: what the results-listener reads. */
export const outcomeTopics = [topics.successful, topics.failed, topics.deadLetters] as const;

/** Consumer groups: their committed offsets are all that a consumer keeps in the broker. */
export const groups = { processor: "processor", resultsListener: "results-listener" } as const;

/** Default number of partitions: the bound on processors that hear records; idle ones ask the database. */
export const partitionsDefault = 12;

/**
 * What a topic is made of, by whomever: room for its largest records (a dead letter may carry the bytes of any record,
 * and more), and the broker's own time, since one that a producer's clock tells could be refused, or make a record old
 * at once.
 */
export function topicSpec(topic: Topic, replicationFactor = 1) {
  const bytesMax = topic === topics.deadLetters ? limits.deadLetterBytesMax : limits.recordBytesMax;
  return {
    topic,
    numPartitions: partitionsDefault,
    replicationFactor,
    configEntries: [
      { name: "max.message.bytes", value: String(bytesMax) },
      { name: "message.timestamp.type", value: "LogAppendTime" },
    ],
  };
}

/**
 * The settings of `topicSpec`, as `name=value`, that a topic lacks which was made elsewhere: a text that differs, a
 * number that is smaller. What its broker does not tell is not taken for lacking.
 */
export function settingsLacking(
  topic: Topic,
  found: { configName: string; configValue: string }[],
): string[] {
  const values = new Map(found.map(({ configName, configValue }) => [configName, configValue]));
  return topicSpec(topic)
    .configEntries.filter(({ name, value }) => {
      const has = values.get(name) ?? value;
      return Number.isNaN(Number(value)) ? has !== value : Number(has) < Number(value);
    })
    .map(({ name, value }) => `${name}=${value}`);
}

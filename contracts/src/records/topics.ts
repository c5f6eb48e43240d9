import { limits } from "../values/limits.ts";

/**
 * Every Kafka topic of Sate. The key of a record is the processing request's id, so all records of a request are in one
 * partition; the dead letter of a record that could not be read keeps that record's key. Consumers never rely on the
 * order of records.
 */
export const topics = {
  executions: "processing_requests_executions",
  successful: "successful_executions",
  failed: "failed_executions",
  deadLetters: "dead_letter_queue",
} as const;

export type Topic = (typeof topics)[keyof typeof topics];

/** The topics that carry outcomes: results-listener consumes them. */
export const outcomeTopics = [topics.successful, topics.failed, topics.deadLetters] as const;

/** Consumer groups. Their committed offsets are the only state that consumers keep in the broker. */
export const groups = { processor: "processor", resultsListener: "results-listener" } as const;

/** Default number of partitions: the maximum number of processors that receive records. Others poll the database. */
export const partitionsDefault = 12;

/**
 * How long a topic keeps its records, as its settings. The broker deletes whole segments, each after its last record has
 * reached the age. So that a record is not kept much longer, a segment ends after a seventh of the time.
 */
export function retentionSettingsOf(hours: number): { name: string; value: string }[] {
  const ms = Math.round(hours * 3_600_000);
  return [
    { name: "retention.ms", value: String(ms) },
    // Redpanda's minimum is ten minutes.
    { name: "segment.ms", value: String(Math.max(Math.round(ms / 7), 600_000)) },
  ];
}

/**
 * The settings with which a topic is created, apart from its retention: room for its largest records (a dead letter may
 * carry the bytes of any record, and more), and timestamps of the broker, because one from a producer's clock could be
 * refused or make a new record expire at once.
 */
export function topicSpec(topic: Topic) {
  const bytesMax = topic === topics.deadLetters ? limits.deadLetterBytesMax : limits.recordBytesMax;
  return {
    topic,
    numPartitions: partitionsDefault,
    replicationFactor: 1,
    configEntries: [
      { name: "max.message.bytes", value: String(bytesMax) },
      { name: "message.timestamp.type", value: "LogAppendTime" },
    ],
  };
}

/**
 * The settings of `topicSpec`, as `name=value`, that an existing topic lacks: texts that differ, and numbers that are
 * too small. A setting that the broker does not report is not counted.
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

import {
  retentionSettingsOf,
  settingsLacking,
  type Topic,
  topicSpec,
  topics,
  Unavailable,
} from "@sate/contracts";
import { errorFields, inTime, type Log } from "@sate/contracts/runtime";
import {
  type Admin,
  type ConfigEntries,
  ConfigResourceTypes,
  ConfigSource,
  Kafka,
  type KafkaConfig,
} from "kafkajs";

const deadlineMs = 8_000;
const closeMs = 2_000;

/**
 * Creates the topics that do not exist, sets how long all of them keep their records, and logs a warning for each
 * existing one that lacks a setting. No other service creates topics, and the broker does not create them on demand: one
 * without these settings would refuse large records much later. May be repeated, also by several processes at once.
 * Rejects with `Unavailable`.
 */
export async function createTopics(config: KafkaConfig, log: Log, retentionHours: number): Promise<void> {
  const admin = new Kafka(config).admin();
  try {
    await inTime(admin.connect(), deadlineMs);
    await inTime(createMissing(admin, retentionHours), deadlineMs);
    await inTime(correctSettings(admin, log, retentionHours), deadlineMs).catch((error) =>
      log.warn("the settings of the topics could not be read or set", errorFields(error)),
    );
  } catch (cause) {
    throw new Unavailable("The broker did not create the topics.", { cause });
  } finally {
    await inTime(admin.disconnect(), closeMs).catch(() => {});
  }
}

async function createMissing(admin: Admin, retentionHours: number): Promise<void> {
  await admin.createTopics({
    waitForLeaders: true,
    timeout: 5_000,
    topics: Object.values(topics).map((topic) => {
      const { configEntries, ...spec } = topicSpec(topic);
      return { ...spec, configEntries: [...configEntries, ...retentionSettingsOf(retentionHours)] };
    }),
  });
}

async function correctSettings(admin: Admin, log: Log, retentionHours: number): Promise<void> {
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: Object.values(topics).map((name) => ({ type: ConfigResourceTypes.TOPIC, name })),
  });
  for (const { resourceName, configEntries } of resources) {
    const changed = withRetention(configEntries, retentionHours);
    if (changed !== null) {
      const topic = { type: ConfigResourceTypes.TOPIC, name: resourceName, configEntries: changed };
      await admin.alterConfigs({ validateOnly: false, resources: [topic] });
      log.info("the retention of a topic was changed", { topic: resourceName, hours: retentionHours });
    }
    const lacking = settingsLacking(resourceName as Topic, configEntries);
    if (lacking.length > 0)
      log.warn("a topic lacks settings, so the broker may refuse records: change them on the broker", {
        topic: resourceName,
        needs: lacking.join(" "),
      });
  }
}

type Found = Pick<ConfigEntries, "configName" | "configValue" | "configSource">;

/** The settings of a topic with this retention, or `null` if it has it. The call that sets them clears all others. */
function withRetention(found: Found[], hours: number): { name: string; value: string }[] | null {
  const retention = retentionSettingsOf(hours);
  const values = new Map(found.map(({ configName, configValue }) => [configName, configValue]));
  if (retention.every(({ name, value }) => values.get(name) === value)) return null;
  const names = new Set(retention.map(({ name }) => name));
  const own = found.filter(
    ({ configName, configSource }) => configSource === ConfigSource.TOPIC_CONFIG && !names.has(configName),
  );
  return [
    ...own.map(({ configName, configValue }) => ({ name: configName, value: configValue })),
    ...retention,
  ];
}

import { settingsLacking, type Topic, topicSpec, topics, Unavailable } from "@sate/contracts";
import { errorFields, inTime, type Log } from "@sate/contracts/runtime";
import { type Admin, ConfigResourceTypes, Kafka, type KafkaConfig } from "kafkajs";

const deadlineMs = 8_000;
const closeMs = 2_000;

/**
 * Creates the topics that do not exist, and logs a warning for each existing one that lacks a setting. No other service creates topics, and the broker does not create them on demand: one without these
 * settings would refuse large records much later. May be repeated, also by several processes at once. Rejects
 * with `Unavailable`.
 */
export async function createTopics(config: KafkaConfig, log: Log): Promise<void> {
  const admin = new Kafka(config).admin();
  try {
    await inTime(admin.connect(), deadlineMs);
    await inTime(createMissing(admin), deadlineMs);
    await inTime(warnOfLackingSettings(admin, log), deadlineMs).catch((error) =>
      log.debug("the broker does not report the settings of its topics", errorFields(error)),
    );
  } catch (cause) {
    throw new Unavailable("The broker did not create the topics.", { cause });
  } finally {
    await inTime(admin.disconnect(), closeMs).catch(() => {});
  }
}

async function createMissing(admin: Admin): Promise<void> {
  await admin.createTopics({
    waitForLeaders: true,
    timeout: 5_000,
    topics: Object.values(topics).map((topic) => topicSpec(topic)),
  });
}

async function warnOfLackingSettings(admin: Admin, log: Log): Promise<void> {
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: Object.values(topics).map((name) => ({ type: ConfigResourceTypes.TOPIC, name })),
  });
  for (const { resourceName, configEntries } of resources) {
    const lacking = settingsLacking(resourceName as Topic, configEntries);
    if (lacking.length > 0)
      log.warn("a topic lacks settings, so the broker may refuse records: change them on the broker", {
        topic: resourceName,
        needs: lacking.join(" "),
      });
  }
}

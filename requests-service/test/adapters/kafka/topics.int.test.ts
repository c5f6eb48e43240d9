import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { limits, partitionsDefault, topicSpec, topics, Unavailable } from "@sate/contracts";
import { createLog, kafkaConfig } from "@sate/contracts/runtime";
import { fakeLog } from "@sate/contracts/test/fakes/log.ts";
import { testServers } from "@sate/contracts/test/support/servers.ts";
import { until } from "@sate/contracts/test/until.ts";
import { type Admin, ConfigResourceTypes, Kafka } from "kafkajs";
import { createTopics } from "../../../src/adapters/kafka/topics.ts";

const servers = await testServers();
const longMs = 60_000;
const hours = 24;

if (servers.kind === "running") {
  describe("createTopics", () => createTopicsOn(servers.kafkaBrokers));
} else {
  describe.skip(`the topics are not tested: ${servers.reason}`, () => test("a broker", () => {}));
}

test("a broker that does not respond is `Unavailable`", async () => {
  const nowhere = kafkaConfig({ KAFKA_BROKERS: "127.0.0.1:1" }, { clientId: "tests", log: fakeLog() });
  expect(await createTopics(nowhere, fakeLog(), hours).catch((error) => error)).toBeInstanceOf(Unavailable);
});

function createTopicsOn(brokers: string): void {
  const config = kafkaConfig({ KAFKA_BROKERS: brokers }, { clientId: "tests", log: fakeLog() });
  const admin: Admin = new Kafka(config).admin();
  const names = Object.values(topics);
  const settingsOf = async (topic: string) => {
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: ConfigResourceTypes.TOPIC, name: topic }],
    });
    const entries = resources[0]?.configEntries ?? [];
    return Object.fromEntries(entries.map(({ configName, configValue }) => [configName, configValue]));
  };
  /** A call that finds one of the topics does not wait for those that it creates. */
  const doExist = () =>
    Promise.all(names.map(settingsOf)).then(
      () => true,
      () => false,
    );
  beforeAll(async () => {
    await admin.connect();
    await createTopics(config, fakeLog(), hours);
    await until("they exist", doExist);
  }, longMs);
  afterAll(() => admin.disconnect(), longMs);

  test("creates each topic with its partitions, the broker's time and room for its largest record", async () => {
    const { topics: found } = await admin.fetchTopicMetadata({ topics: names });
    expect(found.map(({ partitions }) => partitions.length)).toEqual(names.map(() => partitionsDefault));
    for (const topic of names) {
      const bytesMax = topic === topics.deadLetters ? limits.deadLetterBytesMax : limits.recordBytesMax;
      expect(await settingsOf(topic)).toMatchObject({
        "max.message.bytes": String(bytesMax),
        "message.timestamp.type": "LogAppendTime",
      });
    }
  });

  test(
    "creates one that is missing, though others exist and several processes do so at once",
    async () => {
      await admin.deleteTopics({ topics: [topics.failed] });
      await until("it is deleted", async () => !(await admin.listTopics()).includes(topics.failed));
      await Promise.all([1, 2, 3].map(() => createTopics(config, fakeLog(), hours)));
      await until("it exists", doExist);
    },
    longMs,
  );

  test(
    "warns of a setting that a topic lacks, until it has it",
    async () => {
      const topic = topics.failed;
      const configure = async (configEntries: { name: string; value: string }[], clock: string) => {
        const resources = [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries }];
        await admin.alterConfigs({ validateOnly: false, resources });
        // The controller acknowledges a change before the broker shows it.
        const isShown = async () => (await settingsOf(topic))["message.timestamp.type"] === clock;
        await until("the change is shown", isShown, longMs);
      };
      const warnings = async () => {
        const lines: string[] = [];
        const log = createLog("test", "warn", (line) => lines.push(line));
        await createTopics(config, log, hours);
        return lines.map((line) => JSON.parse(line)).map(({ topic, needs }) => ({ topic, needs }));
      };
      const large = { name: "max.message.bytes", value: String(2 * limits.recordBytesMax) };
      await configure([large], "CreateTime");
      expect(await warnings()).toEqual([{ topic, needs: "message.timestamp.type=LogAppendTime" }]);
      await configure(topicSpec(topic).configEntries, "LogAppendTime");
      expect(await warnings()).toEqual([]);
    },
    longMs,
  );
}

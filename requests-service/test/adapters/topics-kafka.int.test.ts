import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { limits, partitionsDefault, topicSpec, topics } from "@sate/contracts";
import { type Admin, ConfigResourceTypes } from "kafkajs";
import { kafkaClient } from "../../src/adapters/kafka-client.ts";
import { kafkaPublisher } from "../../src/adapters/publisher-kafka.ts";
import { createCounters } from "../../src/counters.ts";
import { createLog } from "../../src/log.ts";
import { fakeLog } from "../fakes/log.ts";
import { testServers } from "../servers.ts";
import { until } from "../until.ts";

const servers = await testServers();

const configured = (entries: { configName: string; configValue: string }[], name: string) =>
  entries.find(({ configName }) => configName === name)?.configValue;

if (servers.kind === "running") {
  describe("kafkaPublisher makes the topics", () => {
    const log = fakeLog();
    const kafka = kafkaClient({ brokers: servers.kafkaBrokers, clientId: "tests", log });
    const publisher = kafkaPublisher(kafka, { counters: createCounters(), log });
    const admin: Admin = kafka.admin();
    beforeAll(async () => {
      await publisher.open();
      await admin.connect();
    }, 60_000);
    afterAll(async () => {
      await publisher.close();
      await admin.disconnect();
    }, 60_000);

    test("with their partitions and the room that the largest records need", async () => {
      const names = Object.values(topics);
      const { topics: found } = await admin.fetchTopicMetadata({ topics: names });
      expect(found.map(({ partitions }) => partitions.length)).toEqual(names.map(() => partitionsDefault));
      const { resources } = await admin.describeConfigs({
        includeSynonyms: false,
        resources: names.map((name) => ({
          type: ConfigResourceTypes.TOPIC,
          name,
          configNames: ["max.message.bytes", "message.timestamp.type"],
        })),
      });
      const limitOf = Object.fromEntries(
        resources.map(({ resourceName, configEntries }) => [
          resourceName,
          configured(configEntries, "max.message.bytes"),
        ]),
      );
      const clocks = resources.map(({ configEntries }) =>
        configured(configEntries, "message.timestamp.type"),
      );
      expect(new Set(clocks)).toEqual(new Set(["LogAppendTime"]));
      expect(limitOf).toEqual({
        [topics.executions]: String(limits.recordBytesMax),
        [topics.successful]: String(limits.recordBytesMax),
        [topics.failed]: String(limits.recordBytesMax),
        [topics.deadLetters]: String(limits.deadLetterBytesMax),
      });
    });

    test("and one that is missing when others are there", async () => {
      await admin.deleteTopics({ topics: [topics.failed] });
      const again = kafkaPublisher(kafka, { counters: createCounters(), log });
      await again.open();
      await again.close();
      await until("it is there", async () => (await admin.listTopics()).includes(topics.failed));
    }, 30_000);

    test("and tells what one lacks that somebody made otherwise", async () => {
      const configure = (configEntries: { name: string; value: string }[]) =>
        admin.alterConfigs({
          validateOnly: false,
          resources: [{ type: ConfigResourceTypes.TOPIC, name: topics.failed, configEntries }],
        });
      const warnings = async () => {
        const lines: string[] = [];
        const heard = createLog("test", "warn", (line) => lines.push(line));
        const another = kafkaPublisher(kafka, { counters: createCounters(), log: heard });
        await another.open();
        await another.close();
        return lines.map((line) => JSON.parse(line)).map(({ topic, needs }) => ({ topic, needs }));
      };
      await configure([{ name: "max.message.bytes", value: String(2 * limits.recordBytesMax) }]);
      expect(await warnings()).toEqual([
        { topic: topics.failed, needs: "message.timestamp.type=LogAppendTime" },
      ]);
      await configure(topicSpec(topics.failed).configEntries);
      expect(await warnings()).toEqual([]);
    }, 30_000);

    test("many characters of three bytes each fit into the produce requests that carry them", async () => {
      const value = JSON.stringify("\u20ac".repeat(500_000));
      const records = Array.from({ length: 16 }, () => {
        return { topic: topics.executions, key: "same", value, headers: {} };
      });
      await publisher.publish(records);
    }, 30_000);
  });
} else {
  describe.skip(`the topics are not tested: ${servers.reason}`, () => test("a broker", () => {}));
}

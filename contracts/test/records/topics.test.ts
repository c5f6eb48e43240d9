import { expect, test } from "bun:test";
import { limits, settingsLacking, topicSpec, topics } from "../../src/index.ts";

const bytes = (configValue: string | number) => ({
  configName: "max.message.bytes",
  configValue: String(configValue),
});
const clock = (configValue: string) => ({ configName: "message.timestamp.type", configValue });

test("a topic with the settings of topicSpec or with more room lacks nothing", () => {
  for (const topic of Object.values(topics)) {
    const own = topicSpec(topic).configEntries.map(({ name, value }) => {
      return { configName: name, configValue: value };
    });
    expect(settingsLacking(topic, own)).toEqual([]);
  }
  const roomy = [bytes(2 * limits.recordBytesMax), clock("LogAppendTime")];
  expect(settingsLacking(topics.executions, roomy)).toEqual([]);
});

test("less room and timestamps of producers are lacking", () => {
  expect(settingsLacking(topics.executions, [bytes(1_048_588), clock("CreateTime")])).toEqual([
    `max.message.bytes=${limits.recordBytesMax}`,
    "message.timestamp.type=LogAppendTime",
  ]);
  const roomForOthers = [bytes(limits.recordBytesMax), clock("LogAppendTime")];
  expect(settingsLacking(topics.deadLetters, roomForOthers)).toEqual([
    `max.message.bytes=${limits.deadLetterBytesMax}`,
  ]);
});

test("settings that the broker does not report, and other settings, are not lacking", () => {
  expect(settingsLacking(topics.failed, [{ configName: "cleanup.policy", configValue: "compact" }])).toEqual(
    [],
  );
});

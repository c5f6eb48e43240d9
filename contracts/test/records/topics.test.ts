import { expect, test } from "bun:test";
import { limits, settingsLacking, topicSpec, topics } from "../../src/index.ts";

const bytes = (configValue: number) => ({ name: "max.message.bytes", value: String(configValue) });
const clock = (value: string) => ({ name: "message.timestamp.type", value });
const { recordBytesMax, deadLetterBytesMax } = limits;

test.each([
  ["its own settings", topics.executions, topicSpec(topics.executions).configEntries, []],
  ["its own settings", topics.deadLetters, topicSpec(topics.deadLetters).configEntries, []],
  ["more room", topics.executions, [bytes(2 * recordBytesMax), clock("LogAppendTime")], []],
  ["no settings that the broker reports", topics.failed, [{ name: "cleanup.policy", value: "compact" }], []],
  [
    "too little room and timestamps of producers",
    topics.executions,
    [bytes(1_048_588), clock("CreateTime")],
    [`max.message.bytes=${recordBytesMax}`, "message.timestamp.type=LogAppendTime"],
  ],
  [
    "room only for other records",
    topics.deadLetters,
    [bytes(recordBytesMax), clock("LogAppendTime")],
    [`max.message.bytes=${deadLetterBytesMax}`],
  ],
])("what a topic with %s lacks: %s", (_, topic, found, lacking) => {
  const reported = found.map(({ name, value }) => ({ configName: name, configValue: value }));
  expect(settingsLacking(topic, reported)).toEqual(lacking);
});

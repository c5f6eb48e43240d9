import { describe, expect, test } from "bun:test";
import { executionRecord, type Topic } from "@sate/contracts";
import { createCounters, createLog } from "@sate/contracts/runtime";
import { kafkaConsumer } from "../../../src/adapters/kafka/consumer.ts";
import { eventually } from "../../eventually.ts";
import { processorAmongFakes } from "../../fakes/processor.ts";
import { testServers } from "../../servers.ts";
import { kafkaLog } from "./kafka-log.ts";

const servers = await testServers();
const longMs = 60_000;

if (servers.kind === "running") {
  test(
    "a processor that starts before its topic exists is not ready and says why, does not create it, and goes on once it exists",
    () => startBeforeTheTopic(servers.kafkaBrokers),
    longMs,
  );
} else {
  describe.skip(`late topics are not tested: ${servers.reason}`, () => test("a broker", () => {}));
}

async function startBeforeTheTopic(brokers: string): Promise<void> {
  const log = await kafkaLog(brokers);
  const topic = `late-${Bun.randomUUIDv7()}` as Topic;
  const consumer = kafkaConsumer(log.config, {
    groupId: `group-${Bun.randomUUIDv7()}`,
    topics: [topic],
    counters: createCounters(),
    log: createLog("processor", "error", () => {}),
    fatal: (what, error) => log.fatal.push(`${what}: ${error}`),
  });
  const among = processorAmongFakes({ consumer });
  try {
    const starting = among.processor.start();
    const missing = [
      "It is starting.",
      "A topic does not exist yet: requests-service creates it when it starts.",
    ];
    await eventually(
      async () => Bun.deepEquals(await among.processor.notReadyReasons(), missing),
      "it says so",
      longMs,
    );
    expect(await log.admin.listTopics()).not.toContain(topic);
    await log.admin.createTopics({ waitForLeaders: false, topics: [{ topic, numPartitions: 3 }] });
    await starting;
    expect(await among.processor.notReadyReasons()).toEqual([]);
    const { request_id, attempt, execution_id } = among.requests.queue();
    const record = executionRecord({
      ...{ id: execution_id, request_id, attempt },
      ...{ force_error: false, creation_date: "2020-11-07 16:31:58.103057", payload_json: "{}" },
    });
    await log.publish([{ ...record, topic }]);
    await eventually(() => among.held.runs.length === 1, "an execution runs", longMs);
  } finally {
    await among.end();
    await log.close();
  }
}

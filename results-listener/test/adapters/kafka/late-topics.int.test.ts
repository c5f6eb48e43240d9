import { describe, expect, test } from "bun:test";
import type { Topic } from "@sate/contracts";
import { createCounters, createLog } from "@sate/contracts/runtime";
import { Kafka } from "kafkajs";
import { kafkaConfig } from "../../../src/adapters/kafka/client.ts";
import { kafkaConsumer } from "../../../src/adapters/kafka/consumer.ts";
import { listenerOn, resultsFile } from "../../listener.ts";
import { outcomeOf } from "../../records.ts";
import { testServers } from "../../servers.ts";
import { until } from "../../until.ts";

const servers = await testServers();
const longMs = 60_000;

if (servers.kind === "running") {
  test(
    "a listener that starts when one of its topics does not exist is not ready and says why, does not create it, and goes on once it exists",
    () => startBeforeTheTopic(servers.kafkaBrokers),
    longMs,
  );
} else {
  describe.skip(`late topics are not tested: ${servers.reason}`, () => test("a broker", () => {}));
}

async function startBeforeTheTopic(brokers: string): Promise<void> {
  const log = createLog("results-listener", "error", () => {});
  const config = kafkaConfig({ KAFKA_BROKERS: brokers }, { clientId: "tests", log });
  const kafka = new Kafka(config);
  const [admin, producer] = [kafka.admin(), kafka.producer()];
  await Promise.all([admin.connect(), producer.connect()]);
  const [early, late] = ["early", "late"].map((name) => `${name}-${Bun.randomUUIDv7()}` as Topic) as [
    Topic,
    Topic,
  ];
  const create = (topic: Topic) =>
    admin.createTopics({ waitForLeaders: false, topics: [{ topic, numPartitions: 1 }] });
  await create(early);
  const fatal: string[] = [];
  const consumer = kafkaConsumer(config, {
    ...{ groupId: `group-${Bun.randomUUIDv7()}`, topics: [early, late], counters: createCounters(), log },
    fatal: (what, error) => fatal.push(`${what}: ${error}`),
  });
  using file = resultsFile();
  const { listener } = listenerOn(file, { consumer });
  try {
    const starting = listener.start();
    const missing = [
      "It is starting.",
      "A topic does not exist yet: requests-service creates it when it starts.",
    ];
    await until("it says so", async () => Bun.deepEquals(await listener.notReadyReasons(), missing), longMs);
    expect(await admin.listTopics()).not.toContain(late);
    await create(late);
    await starting;
    expect(await listener.notReadyReasons()).toEqual([]);
    const { key, value, headers } = outcomeOf("succeeded");
    const send = () =>
      producer.send({
        topic: late,
        acks: -1,
        messages: [{ key: String(key), value: String(value), headers }],
      });
    await until(
      "it is published",
      () =>
        send().then(
          () => true,
          () => false,
        ),
      longMs,
    );
    await until("its result is recorded", () => file.results().length === 1, longMs);
    expect(fatal).toEqual([]);
  } finally {
    await listener.stop();
    await Promise.all([admin.disconnect(), producer.disconnect()]);
  }
}

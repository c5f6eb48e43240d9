import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Topic } from "@sate/contracts";
import { createCounters, createLog } from "@sate/contracts/runtime";
import { PartitionAssigners } from "kafkajs";
import { kafkaConsumer } from "../../../src/adapters/kafka/consumer.ts";
import { consumerConformance, eventuallyAll, recordOn, textOf } from "../../conformance/consumer.ts";
import { eventually } from "../../eventually.ts";
import { testServers } from "../../servers.ts";
import { kafkaLog } from "./kafka-log.ts";

const servers = await testServers();
const longMs = 60_000;
/** The shortest that brokers allow. */
const sessionMs = 6_000;

if (servers.kind === "running") {
  consumerConformance("kafkaConsumer", () => kafkaLog(servers.kafkaBrokers));
  describe("kafkaConsumer in hard times", () => hardTimes(servers.kafkaBrokers));
} else {
  describe.skip(`kafkaConsumer is not tested: ${servers.reason}`, () => test("a broker", () => {}));
}

function hardTimes(brokers: string): void {
  let log: Awaited<ReturnType<typeof kafkaLog>>;
  beforeAll(async () => {
    log = await kafkaLog(brokers);
  }, longMs);
  afterAll(() => log?.close(), longMs);

  /** A member of a group of its own, with counters of its own. */
  function memberOf(topic: Topic, groupId = `group-${Bun.randomUUIDv7()}`) {
    const counters = createCounters();
    const lines: string[] = [];
    const consumer = kafkaConsumer(log.config, {
      groupId,
      topics: [topic],
      counters,
      log: createLog("processor", "debug", (line) => lines.push(line)),
      fatal: (what, error) => log.fatal.push(`${what}: ${error}`),
      sessionMs,
    });
    return { consumer, groupId, lines, count: (name: string) => counters.read()[name] ?? 0 };
  }

  async function committedOf(groupId: string, topic: Topic): Promise<number> {
    const [ofTopic] = await log.admin.fetchOffsets({ groupId, topics: [topic] });
    return (ofTopic?.partitions ?? []).reduce((sum, { offset }) => sum + Math.max(Number(offset), 0), 0);
  }

  test(
    "a handler that takes longer than a session keeps its partitions: handled once, and committed only then",
    async () => {
      const topic = await log.newTopic();
      const { consumer, groupId, count } = memberOf(topic);
      const got: string[] = [];
      try {
        await consumer.start(async (records) => {
          got.push(...records.map(textOf));
          const before = count("group_heartbeats");
          // Heartbeats are two seconds apart, so these take longer than a session.
          await eventually(() => count("group_heartbeats") >= before + 4, "four heartbeats", longMs);
        });
        await log.publish([recordOn(topic, "slow")]);
        await eventually(() => got.length > 0, "it is handed over", longMs);
        expect(await committedOf(groupId, topic)).toBe(0);
        await eventually(() => count("offset_commits") === 1, "it is committed", longMs);
        expect(consumer.notReadyReason()).toBeNull();
        expect(got).toEqual(["slow"]);
        expect(count("rebalances")).toBe(0);
        expect(await committedOf(groupId, topic)).toBe(1);
      } finally {
        await consumer.stop();
      }
    },
    longMs,
  );

  test(
    "a process that was frozen longer than a session joins again, gets what it had not committed, and goes on",
    async () => {
      const topic = await log.newTopic();
      const { consumer, count } = memberOf(topic);
      const got: string[] = [];
      try {
        await consumer.start(async (records) => {
          const isFirst = got.length === 0;
          got.push(...records.map(textOf));
          if (isFirst) Bun.sleepSync(sessionMs + 2_000); // nothing of this process turns
        });
        await log.publish([recordOn(topic, "frozen")]);
        await eventuallyAll(() => got, ["frozen"]);
        await eventually(
          () => count("offset_commits_rejected") + count("rebalances") > 0,
          "it was out",
          longMs,
        );
        await log.publish([recordOn(topic, "after")]);
        await eventuallyAll(() => got, ["frozen", "after"]);
        await eventually(() => consumer.notReadyReason() === null, "it is in its group", longMs);
        expect(got.filter((text) => text === "frozen").length).toBeGreaterThan(1);
      } finally {
        await consumer.stop();
      }
    },
    longMs,
  );

  test(
    "a handler that fails for a while does not lose the member its place, and others of its group go on",
    async () => {
      const topic = await log.newTopic();
      const failing = memberOf(topic);
      let isFailing = true;
      let tries = 0;
      const handled: string[] = [];
      try {
        await failing.consumer.start(async (records) => {
          tries++;
          if (isFailing) throw new Error("not now");
          handled.push(...records.map(textOf));
        });
        await log.publish([recordOn(topic, "1")]);
        await eventually(() => tries >= 15, "many tries", longMs);
        expect(await committedOf(failing.groupId, topic)).toBe(0);
        isFailing = false;
        await eventuallyAll(() => handled, ["1"]);
        expect(failing.count("rebalances")).toBe(0);
      } finally {
        await failing.consumer.stop();
      }
    },
    longMs,
  );

  test(
    "members that come and go in the middle of work lose nothing, and whoever stays gets on",
    async () => {
      const topic = await log.newTopic();
      const groupId = `group-${Bun.randomUUIDv7()}`;
      const handled = new Set<string>();
      const handle = async (records: Parameters<typeof textOf>[0][]) => {
        for (const record of records) handled.add(textOf(record));
      };
      const staying = memberOf(topic, groupId);
      await staying.consumer.start(handle);
      const texts: string[] = [];
      try {
        for (let round = 0; round < 4; round++) {
          const passing = memberOf(topic, groupId);
          const starting = passing.consumer.start(handle);
          for (let batch = 0; batch < 10; batch++) {
            const some = Array.from({ length: 20 }, (_, index) => `${round} ${batch} ${index}`);
            texts.push(...some);
            await log.publish(some.map((text) => recordOn(topic, text)));
          }
          await starting;
          await passing.consumer.stop();
        }
        await eventually(() => texts.every((text) => handled.has(text)), "all are handled", longMs);
        expect(staying.count("rebalances")).toBeGreaterThan(0);
      } finally {
        await staying.consumer.stop();
      }
    },
    longMs,
  );

  test(
    "a leader that dies before it has shared out the partitions is waited for, and the member is in after it",
    async () => {
      const topic = await log.newTopic();
      const { consumer, groupId, lines } = memberOf(topic);
      const dead = Promise.withResolvers<never>();
      dead.promise.catch(() => {});
      let rounds = 0;
      const dying = log.kafka.consumer({
        groupId,
        // Longer than any other request is waited for.
        sessionTimeout: sessionMs + 2_000,
        heartbeatInterval: 500,
        retry: { retries: 0, restartOnFailure: async () => false },
        partitionAssigners: [
          (config) => {
            const round = PartitionAssigners.roundRobin(config);
            return { ...round, assign: (group) => (rounds++ === 0 ? round.assign(group) : dead.promise) };
          },
        ],
      });
      const got: string[] = [];
      try {
        await dying.connect();
        await dying.subscribe({ topic, fromBeginning: true });
        await dying.run({ eachMessage: async () => {} });
        await eventually(() => rounds === 1, "it leads", longMs);
        // It may say meanwhile that it is not in; it goes on by itself.
        consumer.start(async (records) => void got.push(...records.map(textOf))).catch(() => {});
        await eventually(() => rounds === 2, "it leads a group of two, and is dead", longMs);
        await log.publish([recordOn(topic, "after")]);
        await eventuallyAll(() => got, ["after"]);
        expect(lines.filter((line) => line.includes("the consumer crashed"))).toEqual([]);
      } finally {
        dead.reject(new Error("it was dead"));
        await consumer.stop();
        await dying.disconnect();
      }
    },
    longMs,
  );

  test(
    "of a header that is repeated the last counts",
    async () => {
      const topic = await log.newTopic();
      const { consumer } = memberOf(topic);
      const producer = log.kafka.producer();
      const headers: Record<string, string>[] = [];
      try {
        await producer.connect();
        await producer.send({ topic, messages: [{ value: "odd", headers: { repeated: ["1", "2"] } }] });
        await consumer.start(async (records) => {
          for (const record of records) {
            const texts = Object.entries(record.headers).map(([name, bytes]) => [name, String(bytes)]);
            headers.push(Object.fromEntries(texts));
          }
        });
        await eventually(() => headers.length > 0, "it arrives", longMs);
        expect(headers).toEqual([{ repeated: "2" }]);
      } finally {
        await consumer.stop();
        await producer.disconnect();
      }
    },
    longMs,
  );

  test(
    "a topic that does not exist yet is waited for",
    async () => {
      const topic = `late-${Bun.randomUUIDv7()}` as Topic;
      const { consumer } = memberOf(topic);
      const got: string[] = [];
      const handle = async (records: Parameters<typeof textOf>[0][]) => void got.push(...records.map(textOf));
      try {
        await expect(consumer.start(handle)).rejects.toThrow("A topic does not exist yet");
        await log.admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: 3 }] });
        await consumer.start(handle);
        await log.publish([recordOn(topic, "late")]);
        await eventuallyAll(() => got, ["late"]);
      } finally {
        await consumer.stop();
      }
    },
    longMs,
  );
}

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect } from "node:net";
import type { IncomingRecord, Topic } from "@sate/contracts";
import { createCounters, createLog } from "@sate/contracts/runtime";
import { testServers } from "@sate/contracts/test/support/servers.ts";
import { type KafkaConfig, PartitionAssigners } from "kafkajs";
import { kafkaConsumer } from "../../../src/adapters/kafka/consumer.ts";
import { consumerConformance, eventuallyAll, recordOn, textOf } from "../../conformance/consumer.ts";
import { eventually } from "../../eventually.ts";
import { kafkaLog } from "./kafka-log.ts";

const servers = await testServers();
const longMs = 60_000;
/** The shortest that brokers allow. */
const sessionMs = 6_000;

if (servers.kind === "running") {
  consumerConformance("kafkaConsumer", () => kafkaLog(servers.kafkaBrokers));
  describe("kafkaConsumer under failures", () => hardTimes(servers.kafkaBrokers));
} else {
  describe.skip(`kafkaConsumer is not tested: ${servers.reason}`, () => test("a broker", () => {}));
}

function hardTimes(brokers: string): void {
  let log: Awaited<ReturnType<typeof kafkaLog>>;
  let topic: Topic;
  let groupId: string;
  const stops: (() => Promise<void>)[] = [];
  beforeAll(async () => {
    log = await kafkaLog(brokers);
  }, longMs);
  afterAll(() => log?.close(), longMs);

  /** Every test has a topic and a group of its own, and its members end with it. */
  function testing(what: string, body: () => Promise<void>): void {
    const whole = async () => {
      topic = await log.newTopic();
      groupId = `group-${Bun.randomUUIDv7()}`;
      try {
        await body();
      } finally {
        await Promise.all(stops.splice(0).map((stop) => stop()));
      }
    };
    test(what, whole, longMs);
  }

  /** A member with counters of its own, and the texts that it has handled. */
  function member({ topics = [topic], fromBeginning = true, config = {} as Partial<KafkaConfig> } = {}) {
    const counters = createCounters();
    const lines: string[] = [];
    const consumer = kafkaConsumer(
      { ...log.config, ...config },
      {
        ...{ groupId, topics, fromBeginning, counters, sessionMs },
        log: createLog("processor", "debug", (line) => lines.push(line)),
        fatal: (what, error) => log.fatal.push(`${what}: ${error}`),
      },
    );
    stops.push(consumer.stop);
    const handled: string[] = [];
    const handle = async (records: IncomingRecord[]) => void handled.push(...records.map(textOf));
    return { consumer, lines, handled, handle, count: (name: string) => counters.read()[name] ?? 0 };
  }

  const publish = (...texts: string[]) => log.publish(texts.map((text) => recordOn(topic, text)));

  async function committed(): Promise<number> {
    const [ofTopic] = await log.admin.fetchOffsets({ groupId, topics: [topic] });
    return (ofTopic?.partitions ?? []).reduce((sum, { offset }) => sum + Math.max(Number(offset), 0), 0);
  }

  testing(
    "a handler that takes longer than a session keeps its partitions: handled once, and committed only then",
    async () => {
      const { consumer, handled, handle, count } = member();
      await consumer.start(async (records) => {
        await handle(records);
        const before = count("group_heartbeats");
        // Heartbeats are two seconds apart, so these take longer than a session.
        await eventually(() => count("group_heartbeats") >= before + 4, "four heartbeats", longMs);
      });
      await publish("slow");
      await eventually(() => handled.length > 0, "it is handed over", longMs);
      expect(await committed()).toBe(0);
      await eventually(() => count("offset_commits") === 1, "it is committed", longMs);
      expect(consumer.notReadyReason()).toBeNull();
      expect(handled).toEqual(["slow"]);
      expect(count("rebalances")).toBe(0);
      expect(await committed()).toBe(1);
    },
  );

  testing(
    "a process that was frozen longer than a session joins again, gets what it had not committed, and goes on",
    async () => {
      const { consumer, handled, handle, count } = member();
      await consumer.start(async (records) => {
        const isFirst = handled.length === 0;
        await handle(records);
        if (isFirst) Bun.sleepSync(sessionMs + 2_000); // nothing of this process turns
      });
      await publish("frozen");
      await eventuallyAll(() => handled, ["frozen"]);
      const isOut = () => count("offset_commits_rejected") + count("rebalances") > 0;
      await eventually(isOut, "it was out", longMs);
      await publish("after");
      await eventuallyAll(() => handled, ["frozen", "after"]);
      await eventually(() => consumer.notReadyReason() === null, "it is in its group", longMs);
      expect(handled.filter((text) => text === "frozen").length).toBeGreaterThan(1);
    },
  );

  testing("a handler that fails for longer than a session does not lose the member its place", async () => {
    const { consumer, handled, handle, count } = member();
    let isFailing = true;
    await consumer.start(async (records) => {
      if (isFailing) throw new Error("not now");
      await handle(records);
    });
    await publish("1");
    const before = count("group_heartbeats");
    // No heartbeat of a member without a place is acknowledged.
    await eventually(() => count("group_heartbeats") >= before + 5, "heartbeats", longMs / 2);
    expect(await committed()).toBe(0);
    isFailing = false;
    await eventually(() => count("offset_commits") === 1, "it is committed", longMs);
    expect(handled).toEqual(["1"]);
    expect(count("rebalances") + count("offset_commits_rejected")).toBe(0);
  });

  testing(
    "members that come and go in the middle of work lose nothing, and the one that stays goes on",
    async () => {
      const handled = new Set<string>();
      const handle = async (records: IncomingRecord[]) => {
        for (const record of records) handled.add(textOf(record));
      };
      const staying = member();
      await staying.consumer.start(handle);
      const texts: string[] = [];
      for (let round = 0; round < 4; round++) {
        const passing = member();
        const starting = passing.consumer.start(handle);
        for (let batch = 0; batch < 10; batch++) {
          const some = Array.from({ length: 20 }, (_, index) => `${round} ${batch} ${index}`);
          texts.push(...some);
          await publish(...some);
        }
        await starting;
        await passing.consumer.stop();
      }
      await eventually(() => texts.every((text) => handled.has(text)), "all are handled", longMs);
      expect(staying.count("rebalances")).toBeGreaterThan(0);
    },
  );

  testing(
    "a leader that dies before it has assigned the partitions is waited for, and the member is in after it",
    async () => {
      const { consumer, handled, handle, lines } = member();
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
      stops.push(async () => {
        dead.reject(new Error("it was dead"));
        await dying.disconnect();
      });
      await dying.connect();
      await dying.subscribe({ topic, fromBeginning: true });
      await dying.run({ eachMessage: async () => {} });
      await eventually(() => rounds === 1, "it leads", longMs);
      // It may say meanwhile that it is not in; it goes on by itself.
      consumer.start(handle).catch(() => {});
      await eventually(() => rounds === 2, "it leads a group of two, and is dead", longMs);
      await publish("after");
      await eventuallyAll(() => handled, ["after"]);
      expect(lines.filter((line) => line.includes("the consumer crashed"))).toEqual([]);
    },
  );

  testing(
    "a commit whose reply is lost loses nothing and ends nothing: records may come again, and what follows comes",
    async () => {
      let isLosing = false;
      const socketFactory: KafkaConfig["socketFactory"] = ({ host, port, onConnect }) => {
        const socket = connect(port, host, onConnect);
        const { emit } = socket;
        socket.emit = (event: string | symbol, ...args: unknown[]) => {
          if (event !== "data" || !isLosing) return emit.call(socket, event as never, ...(args as never[]));
          socket.destroy(new Error("the reply is lost"));
          return true;
        };
        return socket;
      };
      const { consumer, handled, handle } = member({ config: { socketFactory } });
      await consumer.start(async (records) => {
        // The next request to the broker is to commit these.
        if (handled.length === 0) isLosing = true;
        await handle(records);
      });
      await publish("unheard");
      const isCommitted = async (count: number) => (await committed()) >= count;
      await eventually(() => isCommitted(1), "it is committed, and the reply is lost", longMs);
      isLosing = false;
      await publish("after");
      await eventuallyAll(() => handled, ["unheard", "after"]);
      await eventually(() => isCommitted(2), "what follows is committed", longMs);
      await eventually(() => consumer.notReadyReason() === null, "it is in its group", longMs);
    },
  );

  testing(
    "a new group that begins at the end gets what comes after it has joined, and nothing before",
    async () => {
      await publish("before");
      const { consumer, handled, handle } = member({ fromBeginning: false });
      await consumer.start(handle);
      // Its first fetch decides where it begins, and comes a moment after it has joined.
      const isHandled = async () => {
        await publish("after");
        return handled.includes("after");
      };
      await eventually(isHandled, "what comes after arrives", longMs);
      expect(handled).not.toContain("before");
    },
  );

  testing("of a header that is repeated the last counts", async () => {
    const { consumer } = member();
    const producer = log.kafka.producer();
    stops.push(() => producer.disconnect());
    const headers: Record<string, string>[] = [];
    await producer.connect();
    const odd = { repeated: ["1", "2"] };
    await producer.send({ topic, messages: [{ value: "odd", headers: odd }] });
    await consumer.start(async (records) => {
      for (const record of records) {
        const texts = Object.entries(record.headers).map(([name, bytes]) => [name, String(bytes)]);
        headers.push(Object.fromEntries(texts));
      }
    });
    await eventually(() => headers.length > 0, "it arrives", longMs);
    expect(headers).toEqual([{ repeated: "2" }]);
  });

  testing(
    "a topic that does not exist yet is waited for and not created, though another exists",
    async () => {
      const late = `late-${Bun.randomUUIDv7()}` as Topic;
      const { consumer, handled, handle } = member({ topics: [topic, late] });
      await expect(consumer.start(handle)).rejects.toThrow("A topic does not exist yet");
      expect(await log.admin.listTopics()).not.toContain(late);
      await log.createTopic(late);
      await consumer.start(handle);
      await log.publish([recordOn(late, "late")]);
      await eventuallyAll(() => handled, ["late"]);
    },
  );
}

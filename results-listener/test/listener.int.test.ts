import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import {
  type DeadLetterDocument,
  headerNames,
  type OutgoingRecord,
  outcomeTopics,
  type ResultDocument,
  resultsCollections,
  topicSpec,
  topics,
} from "@sate/contracts";
import { createCounters, createLog, kafkaConfig } from "@sate/contracts/runtime";
import { describeOnServers } from "@sate/contracts/test/support/servers.ts";
import { until } from "@sate/contracts/test/until.ts";
import { type Admin, Kafka } from "kafkajs";
import { type Binary, MongoClient } from "mongodb";
import { kafkaConsumer } from "../src/adapters/kafka/consumer.ts";
import { kafkaPublisher } from "../src/adapters/kafka/publisher.ts";
import { mongoResultsWriter } from "../src/adapters/mongo/writer.ts";
import { createResultsListener } from "../src/index.ts";
import { type Ending, outcomeOf, randomBytes, refusedExecution } from "./records.ts";

const waitMs = 60_000;
setDefaultTimeout(2 * waitMs);

/** A database and a group of its own; the topics may contain records of other tests. */
function systemOn(kafkaBrokers: string, resultsMongoUrl: string) {
  const url = new URL(resultsMongoUrl);
  url.pathname = `/listener-${Bun.randomUUIDv7()}`;
  const newGroup = () => `results-listener-${Bun.randomUUIDv7()}`;
  let groupId = newGroup();
  const fatal: string[] = [];
  const log = createLog("results-listener", "error", console.error);
  const kafka = kafkaConfig({ KAFKA_BROKERS: kafkaBrokers }, { clientId: "tests", log });
  const mongo = new MongoClient(url.href);
  const publisher = kafkaPublisher(kafka, { counters: createCounters(), log });
  const results = mongo.db().collection<ResultDocument>(resultsCollections.results);
  const deadLetters = mongo.db().collection<DeadLetterDocument>(resultsCollections.deadLetters);

  return {
    groupId: () => groupId,
    /** As if the group were reset to the first offset, for which kafkajs itself takes many seconds. */
    forgetOffsets() {
      groupId = newGroup();
    },
    fatal,
    publisher,
    results,
    deadLetters,
    admin: new Kafka(kafka).admin() as Admin,
    member() {
      const counters = createCounters();
      const onEnd = (what: string) => void fatal.push(what);
      const listener = createResultsListener(
        {
          writer: mongoResultsWriter({ url: url.href, counters }),
          consumer: kafkaConsumer(kafka, {
            ...{ groupId, topics: outcomeTopics, fromBeginning: true },
            ...{ counters, log, fatal: onEnd },
          }),
          publisher: kafkaPublisher(kafka, { counters, log }),
          log,
          counters,
          fatal: onEnd,
        },
        { serviceToken: "0123456789abcdef", deadLettersKeptMs: 0 },
      );
      return { listener, counters };
    },
    async close() {
      await mongo.db().dropDatabase();
      await mongo.close();
    },
  };
}

type System = ReturnType<typeof systemOn>;

/** Records of the topics that the group has not committed. */
async function lag({ admin, groupId }: System): Promise<number> {
  let behind = 0n;
  for (const topic of outcomeTopics) {
    const [committed] = await admin.fetchOffsets({ groupId: groupId(), topics: [topic] });
    for (const { partition, high } of await admin.fetchTopicOffsets(topic)) {
      const offset = committed?.partitions.find((one) => one.partition === partition)?.offset ?? "-1";
      behind += BigInt(high) - (offset === "-1" ? 0n : BigInt(offset));
    }
  }
  return Number(behind);
}

const nothingLeft = (system: System) =>
  until("the group has committed everything", async () => (await lag(system)) === 0, waitMs);

async function contents({ results, deadLetters }: System) {
  return [
    await results.find().sort({ _id: 1 }).toArray(),
    // A dead letter that is published again has another offset; the first one is stored.
    await deadLetters.find().sort({ _id: 1 }).toArray(),
  ];
}

const bytesOf = ({ value }: DeadLetterDocument) => Buffer.from((value as Binary | null)?.value() ?? []);

await describeOnServers("the listener on Kafka and MongoDB", ({ kafkaBrokers, resultsMongoUrl }) => {
  const system = systemOn(kafkaBrokers, resultsMongoUrl);
  beforeAll(async () => {
    await system.publisher.open();
    await system.admin.connect();
    await system.admin.createTopics({ topics: Object.values(topics).map((topic) => topicSpec(topic)) });
  }, waitMs);
  afterAll(async () => {
    await system.publisher.close();
    await system.admin.disconnect();
    await system.close();
  }, waitMs);

  const endings: Ending[] = ["succeeded", "failed", "cancelled", "unexpected_error", "lost"];
  const outcomes = Array.from({ length: 40 }, () => endings.map((ending) => outcomeOf(ending))).flat();
  const random = randomBytes(1024 * 1024);
  const marks = outcomeTopics.map((topic) => `garbage on ${topic} ${Bun.randomUUIDv7()}`);
  const garbage: OutgoingRecord[] = outcomeTopics.flatMap((topic, index) => [
    { topic, key: null, value: marks[index] as string, headers: { mine: "yes" } },
    { topic, key: random.subarray(0, 100), value: random, headers: { [headerNames.schemaVersion]: "999" } },
    { topic, key: "key", value: null, headers: {} },
  ]);
  const refused = refusedExecution();
  const countOfResults = (records: OutgoingRecord[]) =>
    system.results.countDocuments({ request_id: { $in: records.map(({ key }) => String(key)) } });
  const deadLetterIdOf = ({ headers }: OutgoingRecord) => headers[headerNames.deadLetterId] as string;

  test("records every outcome once and stores every dead letter, among duplicates and garbage", async () => {
    await system.publisher.publish([...outcomes, ...garbage, refused, ...outcomes.slice(0, 50)]);
    const { listener, counters } = system.member();
    await listener.start();
    await nothingLeft(system);
    expect(await countOfResults(outcomes)).toBe(outcomes.length);
    expect(await listener.notReadyReasons()).toEqual([]);
    expect(counters.read().results_repeated).toBeGreaterThanOrEqual(50);
    for (const { key, topic } of outcomes.slice(0, endings.length)) {
      const stored = await system.results.findOne({ request_id: String(key) });
      expect(stored?.is_success).toBe(topic === topics.successful);
    }
    const deadLetter = await system.deadLetters.findOne({ _id: deadLetterIdOf(refused) });
    expect(deadLetter?.reason).toBe("max_failures");
    const ids = outcomes.filter(({ topic }) => topic === topics.deadLetters).map(deadLetterIdOf);
    expect(await system.deadLetters.countDocuments({ _id: { $in: ids } })).toBe(80);
    await listener.stop();
  });

  test("an unreadable record is stored with its bytes and origin", async () => {
    const deadLetters = await system.deadLetters
      .find({ reason: { $in: ["unreadable_record", null] } })
      .toArray();
    const withText = (text: string) => deadLetters.filter((one) => bytesOf(one).equals(Buffer.from(text)));
    for (const [index, topic] of outcomeTopics.entries()) {
      const [deadLetter] = withText(marks[index] as string);
      expect(deadLetter?.origin_topic ?? "none").toBe(topic === topics.deadLetters ? "none" : topic);
      expect(deadLetter?.headers).toContain(topic === topics.deadLetters ? '"mine"' : '"origin-headers"');
    }
    // A producer that receives no response publishes again.
    expect(deadLetters.filter((one) => bytesOf(one).equals(random)).length).toBeGreaterThanOrEqual(3);
    expect(deadLetters.filter(({ value }) => value === null).length).toBeGreaterThanOrEqual(3);
  });

  test("a member continues where the previous one stopped", async () => {
    const later = Array.from({ length: 20 }, () => outcomeOf("succeeded"));
    await system.publisher.publish(later);
    const { listener, counters } = system.member();
    await listener.start();
    await nothingLeft(system);
    expect(await countOfResults(later)).toBe(later.length);
    expect(counters.read().results_repeated ?? 0).toBe(0);
    await listener.stop();
  });

  test("redelivery from the first offset changes nothing", async () => {
    const before = await contents(system);
    system.forgetOffsets();
    expect(await lag(system)).toBeGreaterThan(200);
    const [one, other] = [system.member(), system.member()];
    await Promise.all([one.listener.start(), other.listener.start()]);
    await nothingLeft(system);
    expect(await contents(system)).toEqual(before);
    const counts = [one, other].map(({ counters }) => counters.read());
    const total = (name: string) => counts.reduce((sum, read) => sum + (read[name] ?? 0), 0);
    expect(total("results_repeated")).toBeGreaterThanOrEqual(220);
    expect(total("results_recorded") + total("results_conflicting")).toBe(0);
    await Promise.all([one.listener.stop(), other.listener.stop()]);
    expect(system.fatal).toEqual([]);
  });
});

import type { IncomingRecord, Topic } from "@sate/contracts";
import { topics } from "@sate/contracts";
import { createLog } from "@sate/contracts/runtime";
import { consumerConformance, type LogUnderTest } from "../../../processor/test/conformance/consumer.ts";
import {
  type PublisherUnderTest,
  publisherConformance,
} from "../../../requests-service/test/conformance/publisher.ts";
import { createBroker } from "../../src/broker/broker.ts";

const log = createLog("standalone", "error", () => {});

/** Groups are declared when a broker is made, so each topic has a broker of its own. */
async function consumersLog(): Promise<LogUnderTest> {
  const brokers = new Map<Topic, ReturnType<typeof createBroker>>();
  const brokerOf = (topic: Topic) => brokers.get(topic) as ReturnType<typeof createBroker>;
  return {
    async newTopic(groups) {
      const topic = `topic-${brokers.size}` as Topic;
      const declared = Object.fromEntries(groups.map((group) => [group, [topic]]));
      brokers.set(topic, createBroker(declared, { log }));
      return topic;
    },
    member: (group, topic) => brokerOf(topic).consumer(group),
    publish: async (records) => {
      const [first] = records;
      if (first) await brokerOf(first.topic).publisher().publish(records);
    },
    async close() {},
  };
}
consumerConformance("the in-process broker", consumersLog, { stores: false });

/** One group that reads every topic, and counts the calls of its handler as writes. */
async function publishersLog(): Promise<PublisherUnderTest> {
  const names = Array.from({ length: 20 }, (_, index) => `topic-${index}` as Topic);
  const broker = createBroker({ reader: [...names, topics.deadLetters] }, { log });
  const got: IncomingRecord[] = [];
  let calls = 0;
  const reader = broker.consumer("reader");
  await reader.start(async (records) => {
    calls++;
    got.push(...records);
  });
  return {
    async newTopic() {
      return names.shift() as Topic;
    },
    publisher: () => broker.publisher(),
    read: async (topic) => got.filter((record) => record.topic === topic),
    writes: () => calls,
    close: () => reader.stop(),
  };
}
publisherConformance("the in-process broker", publishersLog);

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect } from "node:net";
import { type OutgoingRecord, type Topic, Unavailable } from "@sate/contracts";
import { createCounters } from "@sate/contracts/runtime";
import { Kafka, type KafkaConfig, logLevel } from "kafkajs";
import { kafkaPublisher } from "../../../src/adapters/kafka/publisher.ts";
import type { Publisher } from "../../../src/ports.ts";
import { fakeLog } from "../../fakes/log.ts";
import { testServers } from "../../servers.ts";
import { until } from "../../until.ts";
import { type TcpProxy, tcpProxy } from "../tcp-proxy.ts";
import { kafkaLog } from "./kafka-log.ts";

const servers = await testServers();
const longMs = 60_000;

if (servers.kind === "running") {
  describe("kafkaPublisher, when the broker has acted and its reply is lost", () => {
    let log: Awaited<ReturnType<typeof kafkaLog>>;
    let proxy: TcpProxy;
    let publisher: Publisher;
    let direct: Kafka;
    beforeAll(async () => {
      const [host = "", port] = servers.kafkaBrokers.split(":");
      log = await kafkaLog(servers.kafkaBrokers);
      proxy = await tcpProxy({ host, port: Number(port) });
      const settings = { brokers: servers.kafkaBrokers.split(","), logLevel: logLevel.NOTHING };
      direct = new Kafka(settings);
      const proxied: KafkaConfig = {
        ...settings,
        requestTimeout: 1_000,
        retry: { initialRetryTime: 100, maxRetryTime: 500, retries: 2 },
        // The broker says itself where it is, so it is the sockets that go elsewhere.
        socketFactory: ({ onConnect }) => connect(proxy.port, "127.0.0.1", onConnect),
      };
      publisher = kafkaPublisher(proxied, { counters: createCounters(), log: fakeLog() });
      await publisher.open();
    }, longMs);
    afterAll(async () => {
      await publisher?.close();
      await proxy?.close();
      await log?.close();
    }, longMs);

    const recordOn = (topic: Topic, value: string): OutgoingRecord => ({
      ...{ topic, value },
      ...{ key: "same", headers: {} },
    });

    for (const mood of ["no replies", "cut replies"] as const) {
      test(
        `${mood}: it acknowledges nothing that it has not heard of, loses nothing, and gets over it`,
        async () => {
          const topic = await log.newTopic();
          const admin = direct.admin();
          await admin.connect();
          await publisher.publish([recordOn(topic, "before")]);
          proxy.mood = mood;
          let outcome: unknown;
          const publishing = publisher.publish([recordOn(topic, "unheard")]).then(
            () => (outcome = "acknowledged"),
            (error: unknown) => (outcome = error),
          );
          await until(
            "the broker has it",
            async () => {
              const offsets = await admin.fetchTopicOffsets(topic);
              return offsets.reduce((sum, { high }) => sum + Number(high), 0) >= 2;
            },
            longMs,
          );
          await admin.disconnect();
          expect(outcome).not.toBe("acknowledged");
          proxy.mood = "through";
          await publishing;
          if (outcome !== "acknowledged") expect(outcome).toBeInstanceOf(Unavailable);

          const publishAfter = () =>
            publisher.publish([recordOn(topic, "after")]).then(
              () => true,
              () => false,
            );
          await until("it publishes again", publishAfter, longMs);
          const texts = (await log.read(topic, 3)).map(({ value }) => Buffer.from(value ?? []).toString());
          // Once more is allowed: readers are used to that.
          expect([...new Set(texts)]).toEqual(["before", "unheard", "after"]);
        },
        longMs,
      );
    }

    test(
      "a broker that says nothing while it is connected to, and comes to itself on that connection, is found again",
      async () => {
        const topic = await log.newTopic();
        const publish = (value: string) =>
          publisher.publish([recordOn(topic, value)]).then(
            () => true,
            () => false,
          );
        await until("it publishes", () => publish("before"), longMs);
        await proxy.away();
        proxy.mood = "no replies";
        await proxy.back();
        expect(await publish("unheard")).toBe(false);
        proxy.mood = "through";
        await until("it publishes again", () => publish("after"), longMs);
      },
      longMs,
    );
  });
} else {
  describe.skip(`kafkaPublisher is not tested: ${servers.reason}`, () => test("a broker", () => {}));
}

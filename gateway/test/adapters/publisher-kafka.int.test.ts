import { describe, test } from "bun:test";
import { publisherConformance } from "../conformance/publisher.ts";
import { testServers } from "../servers.ts";
import { kafkaLog } from "./kafka-log.ts";

const servers = await testServers();

if (servers.kind === "running") {
  publisherConformance("kafkaPublisher", () => kafkaLog(servers.kafkaBrokers));
} else {
  describe.skip(`kafkaPublisher is not tested: ${servers.reason}`, () => test("a broker", () => {}));
}

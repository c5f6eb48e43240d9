import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Topic } from "@sate/contracts";
import { consumerConformance } from "../../../processor/test/conformance/consumer.ts";
import { Unavailable } from "../../../requests-service/src/ports.ts";
import { publisherConformance } from "../../../requests-service/test/conformance/publisher.ts";
import { sqliteConsumer } from "../../src/adapters/consumer-sqlite.ts";
import { closeSqliteFile, openSqliteFile } from "../../src/adapters/group-commit.ts";
import { sqlitePublisher } from "../../src/adapters/publisher-sqlite.ts";
import { createLog } from "../../src/log.ts";
import { openLogFile } from "../../src/log-file.ts";

/** The log of standalone passes the suites that Kafka passes. */
async function makeLog() {
  const folder = mkdtempSync(join(tmpdir(), "sate-log-"));
  let commits = 0;
  const file = openSqliteFile(join(folder, "sate.db"), () => commits++);
  const topicLog = openLogFile({ file, clock: Date.now });
  const log = createLog("standalone", "error", () => {});
  const publisher = () => sqlitePublisher(topicLog, Unavailable);
  return {
    newTopic: async () => `topic-${Bun.randomUUIDv7()}` as Topic,
    publisher,
    publish: publisher().publish,
    member: (groupId: string, topic: Topic) => sqliteConsumer(topicLog, { groupId, topics: [topic], log }),
    async read(topic: Topic, count: number) {
      const records = topicLog.read(topic, 0, count, Number.MAX_SAFE_INTEGER);
      if (records.length < count) throw new Error("what was acknowledged is not there");
      return records;
    },
    writes: () => commits,
    async close() {
      topicLog.close();
      closeSqliteFile(file);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

consumerConformance("sqliteConsumer", makeLog);
publisherConformance("sqlitePublisher", makeLog);

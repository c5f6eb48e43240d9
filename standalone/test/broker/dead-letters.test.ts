import { afterEach, expect, test } from "bun:test";
import {
  groups,
  type OutgoingRecord,
  outcomeTopics,
  type Topic,
  topics,
  Unavailable,
  unreadableRecord,
} from "@sate/contracts";
import { createCounters, createLog } from "@sate/contracts/runtime";
import { createResultsListener } from "@sate/results-listener";
import { sqliteResultsWriter } from "@sate/results-listener/sqlite";
import { createBroker } from "../../src/broker/broker.ts";
import { newFolder, opened } from "../sqlite/opened.ts";
import { temporaryFolder } from "../temporary-folder.ts";

const parent = temporaryFolder();
const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

/** results-listener as it stands in standalone; `commit` runs before each write of its own. */
async function listening(commit: () => void = () => {}) {
  const log = createLog("standalone", "error", () => {});
  const file = opened(newFolder(parent));
  const broker = createBroker(
    { [groups.resultsListener]: outcomeTopics },
    { log, limits: { publishMs: 1_000 } },
  );
  const write = <T>(work: () => T) => {
    commit();
    return file.write(work);
  };
  const listener = createResultsListener(
    {
      writer: sqliteResultsWriter({ db: file.db, write }),
      publisher: broker.publisher({ within: groups.resultsListener }),
      consumer: broker.consumer(groups.resultsListener),
      log,
      counters: createCounters(),
    },
    { serviceToken: "0123456789abcdef" },
  );
  await listener.start();
  ends.push(async () => {
    await listener.stop();
    file.close();
  });
  const letters = () =>
    file.db
      .query<{ reason: string; origin_topic: string; value: Uint8Array }, []>(
        "SELECT reason, origin_topic, value FROM dead_letters ORDER BY rowid",
      )
      .all()
      .map(({ value, ...letter }) => ({ ...letter, text: Buffer.from(value).toString() }));
  const publish = (records: OutgoingRecord[]) => broker.publisher().publish(records);
  return { publish, letters };
}

const garbage = (topic: Topic): OutgoingRecord => ({ topic, key: "k", value: "garbage", headers: {} });
const letterOf = (topic: string) => ({ reason: "unreadable_record", origin_topic: topic, text: "garbage" });

test("a record that results-listener cannot read is a dead letter in the database when its publication resolves", async () => {
  const { publish, letters } = await listening();
  await publish([garbage(topics.successful), garbage(topics.failed)]);
  expect(letters()).toEqual([letterOf(topics.successful), letterOf(topics.failed)]);
});

test("its publication rejects while the dead letter cannot be stored: its mark then stands", async () => {
  const { publish, letters } = await listening(() => {
    throw new Error("the disk is full");
  });
  await expect(publish([garbage(topics.failed)])).rejects.toBeInstanceOf(Unavailable);
  expect(letters()).toEqual([]);
});

test("a dead letter that another service publishes is in the database when its publication resolves", async () => {
  const { publish, letters } = await listening();
  const record = {
    ...{ topic: topics.executions, partition: 0, offset: "1", timestamp: "1", key: null, headers: {} },
    value: Buffer.from("garbage"),
  };
  await publish([unreadableRecord(record, "It is not JSON.")]);
  expect(letters()).toEqual([letterOf(topics.executions)]);
});

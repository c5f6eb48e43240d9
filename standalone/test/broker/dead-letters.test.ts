import { afterEach, expect, test } from "bun:test";
import { groups, outcomeTopics, type Topic, topics, Unavailable } from "@sate/contracts";
import { createCounters, createLog } from "@sate/contracts/runtime";
import { createResultsListener } from "@sate/results-listener";
import { sqliteResultsWriter } from "@sate/results-listener/sqlite";
import { createBroker } from "../../src/broker/broker.ts";
import { dataFolders } from "../data-folders.ts";
import { opened } from "../sqlite/opened.ts";

const newFolder = dataFolders();
const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

/** results-listener as it stands in standalone; `beforeWrite` runs before each of its writes. */
async function listening(beforeWrite: () => void = () => {}) {
  const log = createLog("standalone", "error", () => {});
  const file = opened(newFolder());
  const broker = createBroker(
    { [groups.resultsListener]: outcomeTopics },
    { log, limits: { publishMs: 200 } },
  );
  const write = <T>(work: () => T) => {
    beforeWrite();
    return file.write(work);
  };
  const listener = createResultsListener(
    {
      writer: sqliteResultsWriter({ db: file.db, write }),
      publisher: broker.publisher({ within: groups.resultsListener }),
      consumer: broker.consumer(groups.resultsListener),
      log,
      counters: createCounters(),
      fatal() {},
    },
    { serviceToken: "", deadLettersKeptMs: 0 },
  );
  await listener.start();
  ends.push(async () => {
    await listener.stop();
    file.close();
  });
  const letters = () =>
    file.db.query("SELECT reason, origin_topic, CAST(value AS TEXT) AS text FROM dead_letters").all();
  return { publish: broker.publisher().publish, letters };
}

const garbage = (topic: Topic) => ({ topic, key: "k", value: "garbage", headers: {} });
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

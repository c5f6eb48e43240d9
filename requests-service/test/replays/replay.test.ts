import { expect, test } from "bun:test";
import {
  type DeadLetterRecord,
  limits,
  type OutgoingRecord,
  topics,
  Unavailable,
  unreadableRecord,
} from "@sate/contracts";
import { rejection } from "@sate/contracts/test/support/settled.ts";
import { newId } from "../builders.ts";
import { testCore } from "../core.ts";

const allBytes = Uint8Array.from({ length: 256 }, (_, index) => index);
const base64 = (bytes: Uint8Array | string) => Buffer.from(bytes).toString("base64");
const origin = { topic: topics.failed, partition: 7, offset: "11", timestamp: "5" };
const unread = { ...origin, key: allBytes, value: allBytes, headers: { "schema-version": allBytes } };

/** The dead letter of an unreadable record, as it is stored. */
function storedOf(record: OutgoingRecord = unreadableRecord(unread, "x")): DeadLetterRecord {
  const headers = Object.entries(record.headers).map(([name, header]) => [name, base64(header)]);
  return {
    ...{ id: "failed_executions/7/11/5", time: 5, partition: 0, offset: "0", reason: "unreadable_record" },
    ...{ origin_topic: topics.failed, origin_partition: 7, origin_offset: "11" },
    ...(record.key !== null && { key_base64: base64(record.key) }),
    ...(record.value !== null && { value_base64: base64(record.value) }),
    headers_json: JSON.stringify(Object.fromEntries(headers)),
  };
}

/** A service whose broker stores records, and one dead letter. */
function given(stored = storedOf(), storesRecords = true) {
  const it = testCore({ storesRecords });
  it.deadLetters.stored.set(stored.id, stored);
  const replay = async (dry_run = false, id = stored.id) => {
    const dead_letters = [{ id, execution_id: newId() }];
    return (await it.commands.replayDeadLetters({ dead_letters, dry_run })).answers[0];
  };
  return { ...it, replay };
}

test("an unreadable record goes back to its topic with its bytes, key and headers; a dry run publishes nothing", async () => {
  const { publisher, replay } = given();
  expect(await replay(true)).toEqual({ kind: "possible" });
  expect(publisher.records).toEqual([]);
  expect(await replay()).toEqual({ kind: "published", topic: topics.failed });
  const [record] = publisher.records;
  expect(record?.topic).toBe(topics.failed);
  for (const bytes of [record?.key, record?.value, record?.headers["schema-version"]]) {
    expect(Buffer.from(bytes as Uint8Array).equals(allBytes)).toBe(true);
  }
  expect(Object.keys(record?.headers ?? {})).toEqual(["schema-version"]);
});

test("a record without key, value and headers goes back without them", async () => {
  const bare = unreadableRecord({ ...unread, key: null, value: null, headers: {} }, "x");
  const { publisher, replay } = given(storedOf(bare));
  expect(await replay()).toMatchObject({ kind: "published" });
  expect(publisher.records).toEqual([{ topic: topics.failed, key: null, value: null, headers: {} }]);
});

const cutBefore = unreadableRecord({ ...unread, key: new Uint8Array(limits.originBytesMax + 1) }, "x");
const large = unreadableRecord({ ...unread, value: new Uint8Array(limits.recordBytesMax) }, "x");
test.each<[string, Partial<DeadLetterRecord>, string]>([
  ["was stored cut", { cut: "The value was truncated." }, "cut"],
  ["was cut before it was published", storedOf(cutBefore), "cut"],
  ["would not fit into its topic", storedOf(large), "too_large"],
  ["comes from no topic of Sate", { origin_topic: "other" }, "no_origin"],
  ["comes from the dead letter queue", { origin_topic: topics.deadLetters }, "no_origin"],
  ["has a reason of its own", { reason: "other" }, "no_origin"],
  ["claims to be an execution, and names no request", { reason: "lost" }, "no_origin"],
])("a record that %s is not published", async (_, parts, kind) => {
  const { publisher, replay } = given({ ...storedOf(), ...parts });
  for (const dry of [true, false]) expect((await replay(dry))?.kind as string).toBe(kind);
  expect(publisher.records).toEqual([]);
});

test("where no records are stored, none goes back", async () => {
  const { publisher, replay } = given(storedOf(), false);
  expect(await replay()).toEqual({ kind: "no_stored_topics" });
  expect(publisher.records).toEqual([]);
});

test("while the broker or the dead letters are unavailable, nothing counts as replayed; an unknown id is reported as unknown", async () => {
  const it = given();
  it.publisher.mood = "away";
  expect(await rejection(it.replay())).toBeInstanceOf(Unavailable);
  it.publisher.mood = "healthy";
  expect(await it.replay(false, "other")).toEqual({ kind: "unknown_dead_letter" });
  it.deadLetters.isAway = true;
  expect(await rejection(it.replay())).toBeInstanceOf(Unavailable);
  const { dead_letters_replayed = 0, dead_letter_records_published = 0 } = it.counters.read();
  expect([dead_letters_replayed, dead_letter_records_published]).toEqual([0, 0]);
});

test("without the request's id it is read from the dead letter; an unknown processor is refused", async () => {
  const it = given();
  const { id: request_id } = await it.request({ processor: "word-count" });
  const record = { ...storedOf(), id: "lost", reason: "lost", request_id };
  it.deadLetters.stored.set("lost", record);
  it.processors.announce("other");
  const refused = { kind: "refused" as const, request_id };
  for (const dry of [true, false]) {
    expect(await it.replay(dry, "lost")).toMatchObject({
      ...refused,
      refusal: { kind: "unknown_processor" },
    });
  }
  it.processors.announce("word-count");
  expect(await it.replay(true, "lost")).toEqual({ kind: "possible" });
  expect(await it.replay(false, "lost")).toMatchObject({ kind: "started", execution: { request_id } });
  expect(it.counters.read()).toMatchObject({ dead_letters_replayed: 1 });
});

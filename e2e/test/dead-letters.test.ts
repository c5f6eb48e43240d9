import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import {
  type DeadLetter,
  type DeadLetterSummary,
  type ReplayedDeadLetter,
  type ReplayedDeadLetters,
  topics,
} from "@sate/contracts";
import type { Static } from "@sinclair/typebox";
import { kafkaLog } from "../src/system/kafka.ts";
import { sharedSystem } from "../src/system/shared-system.ts";
import type { TopicRecord } from "../src/system/system.ts";
import { until } from "../src/until.ts";

const { system, client } = await sharedSystem();

type Summary = Static<typeof DeadLetterSummary>;
const get = async <T>(path: string): Promise<T> => (await client.get(path)).json as unknown as T;
const whole = (id: string) => get<Static<typeof DeadLetter>>(`/dead-letters/${id}`);

/** All dead letters that match, by the links of the list. */
async function list(query: string): Promise<Summary[]> {
  const all: Summary[] = [];
  let uri: string | undefined = `/dead-letters?limit=3&${query}`;
  while (uri !== undefined) {
    const page: { dead_letters: Summary[]; next_uri?: string } = await get(uri);
    all.push(...page.dead_letters);
    uri = page.next_uri;
  }
  return all;
}

/** Waits for `count` dead letters that match and are about this request. */
const lettersOf = (requestId: string, query: string, count = 1): Promise<Summary[]> =>
  until(`${count} dead letters of ${requestId}`, 30_000, async () => {
    const own = (await list(query)).filter(({ request_id }) => request_id === requestId);
    return own.length >= count && own;
  });

async function replay(id: string) {
  const { status, json, headers } = await client.post(`/dead-letters/${id}/replay`);
  return { status, problem: json.type, headers, json: json as unknown as Static<typeof ReplayedDeadLetter> };
}

const statusesOf = async (requestId: string) =>
  (await client.get(`/requests/${requestId}/executions`)).json.executions.map(({ status }) => status);

/** A request whose execution threw an unexpected error. */
async function thrown(): Promise<string> {
  const requestId = await client.createRequest({ throws: true }, "trial-throwing");
  const { json } = await client.execute(requestId);
  expect(await client.ended(requestId, json.id)).toBe("dead_lettered");
  return requestId;
}

const now = () => new Date().toISOString();

test("of 20 callers that replay a refused attempt one starts an execution; after its success a replay has no effect", async () => {
  const since = now();
  const requestId = await client.createRequest({ recovers: true });
  for (let attempt = 1; attempt <= 3; attempt++) {
    const { json } = await client.execute(requestId, { force_error: true });
    expect(await client.ended(requestId, json.id)).toBe("failed");
  }
  for (let refused = 0; refused < 2; refused++) expect((await client.execute(requestId)).status).toBe(409);
  const [letter, other] = await lettersOf(requestId, `reason=max_failures&since=${since}`, 2);
  const id = letter?.id as string;
  expect(letter).toMatchObject({ processor: "simulate", request_uri: expect.stringContaining(requestId) });

  const answers = await Promise.all(Array.from({ length: 20 }, () => replay(id)));
  expect(answers.map(({ status }) => status).toSorted()).toEqual([...Array(19).fill(200), 201]);
  const executionId = answers[0]?.json.execution_id as string;
  for (const { status, json } of answers)
    expect(json).toMatchObject({ id, execution_id: executionId, replayed: status === 201 });
  expect(await client.ended(requestId, executionId)).toBe("succeeded");

  const again = await replay(id);
  expect([again.status, again.json.replayed]).toEqual([200, false]);
  expect(again.headers.get("idempotency-replayed")).toBe("true");
  expect((await replay(other?.id as string)).problem).toBe("urn:sate:problem:already-succeeded");
  expect((await whole(id)).replayed_by).toMatchObject({ execution_id: executionId, status: "succeeded" });
  expect(await statusesOf(requestId)).toEqual(["failed", "failed", "failed", "succeeded"]);
}, 90_000);

test("an execution that threw is shown with its outcome; a replay that throws again is another dead letter", async () => {
  const since = now();
  const requestId = await thrown();
  const query = `processor=trial-throwing&reason=unexpected_error&since=${since}`;
  const [first] = await lettersOf(requestId, query);
  const id = first?.id as string;
  const shown = await whole(id);
  expect(shown).toMatchObject({
    attempt: 1,
    key: { text: requestId },
    value: { json: { is_success: false } },
  });
  expect(shown).not.toHaveProperty("replayed_by");
  const { status, json } = await replay(id);
  expect(status).toBe(201);
  expect(await client.ended(requestId, json.execution_id as string)).toBe("dead_lettered");
  const both = await lettersOf(requestId, query, 2);
  expect(both.map(({ attempt }) => attempt)).toEqual([2, 1]);
  expect((await replay(id)).status).toBe(200);
  expect(await statusesOf(requestId)).toHaveLength(2);
}, 60_000);

test("all that match are replayed page by page; a dry run before it says how many and changes nothing", async () => {
  const since = now();
  const requestIds = await Promise.all(Array.from({ length: 5 }, thrown));
  for (const requestId of requestIds) await lettersOf(requestId, `processor=trial-throwing&since=${since}`);
  const filter = { processor: "trial-throwing", reason: "unexpected_error", since, until: now() };
  type Bulk = Omit<Static<typeof ReplayedDeadLetters>, "matched"> & {
    matched: number;
    replayed: number;
    skipped: { id: string; problem: { type: string } }[];
    next?: string;
  };
  async function bulk(body: object): Promise<Bulk> {
    const { status, json, text } = await client.post("/dead-letters/replay", { filter, ...body });
    if (status !== 200) throw new Error(text);
    return json as unknown as Bulk;
  }
  expect(await bulk({ dry_run: true })).toEqual({ matched: 5, replayed: 5, skipped: [] });
  for (const requestId of requestIds) expect(await statusesOf(requestId)).toEqual(["dead_lettered"]);
  const pages: Bulk[] = [];
  let cursor: string | undefined;
  do {
    const page = await bulk({ limit: 2, ...(cursor !== undefined && { cursor }) });
    pages.push(page);
    cursor = page.next;
  } while (cursor !== undefined);
  expect(pages.map(({ matched, replayed }) => [matched, replayed])).toEqual([
    [2, 2],
    [2, 2],
    [1, 1],
  ]);
  const again = await bulk({});
  expect([again.matched, again.replayed]).toEqual([5, 0]);
  const kinds = new Set(again.skipped.map(({ problem }) => problem.type));
  expect([...kinds]).toEqual(["urn:sate:problem:dead-letter-replayed"]);
  for (const requestId of requestIds) expect(await statusesOf(requestId)).toHaveLength(2);
}, 90_000);

// Standalone stores no records: none can be published from outside, or returned to a topic.
if (system.kind === "cluster") {
  const log = kafkaLog(system.kafka());
  const unreadable = (since: string, isIt: (letter: Summary) => boolean, count = 1) =>
    until("it is listed", 60_000, async () => {
      const found = (await list(`reason=unreadable_record&since=${since}`)).filter(isIt);
      return found.length >= count && found;
    });

  test("an unreadable record returns to its topic with its bytes, key and headers", async () => {
    const since = now();
    const record: TopicRecord = {
      key: randomBytes(20),
      value: Buffer.concat([Buffer.from([0xff]), randomBytes(1_000)]),
      headers: { own: "header", "schema-version": "999" },
    };
    await log.publish(topics.failed, [record]);
    const isOnTopic = (letter: Summary) => letter.origin?.topic === topics.failed;
    const [letter] = await unreadable(since, isOnTopic);
    const id = letter?.id as string;
    const { value, key, origin_headers } = await whole(id);
    expect([value, key]).toEqual(
      [record.value, record.key].map((bytes) => ({ base64: (bytes as Buffer).toString("base64") })),
    );
    expect(origin_headers).toContainEqual({ name: "own", text: "header" });
    const { status, json } = await replay(id);
    expect([status, json]).toEqual([202, { id, replayed: true, topic: topics.failed }]);
    const same = (await log.read(topics.failed)).filter((one) => one.value?.equals(record.value as Buffer));
    expect(same.map((one) => [one.key?.equals(record.key as Buffer), one.headers])).toEqual(
      Array(2).fill([true, record.headers]),
    );
    // It still cannot be read, so it is another dead letter.
    await unreadable(since, isOnTopic, 2);
  }, 120_000);

  test("a record of which a part was not stored is not returned, and the response says which", async () => {
    const since = now();
    const mark = Bun.randomUUIDv7();
    const headers = { large: "x".repeat(800_000) };
    await log.publish(topics.executions, [{ key: null, value: Buffer.from(mark), headers }]);
    const [letter] = await unreadable(since, ({ origin, cut }) => {
      return origin?.topic === topics.executions && cut !== undefined;
    });
    const answer = await client.post(`/dead-letters/${letter?.id}/replay`);
    expect([answer.status, answer.json.type]).toEqual([409, "urn:sate:problem:dead-letter-not-replayable"]);
    expect(answer.json.detail).toContain("The headers of");
    const copies = (await log.read(topics.executions)).filter(({ value }) => String(value) === mark);
    expect(copies).toHaveLength(1);
  }, 120_000);
}

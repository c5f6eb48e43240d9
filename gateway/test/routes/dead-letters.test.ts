import { describe, expect, test } from "bun:test";
import { type DeadLetterRecord, limits, type Replay } from "@sate/contracts";
import { named, testGateway } from "../support/gateway.ts";

const base64 = (bytes: Uint8Array | string) => Buffer.from(bytes).toString("base64");
const noon = Date.UTC(2026, 10, 24, 12);

function letterOf(parts: Partial<DeadLetterRecord> = {}): DeadLetterRecord {
  return {
    ...{ id: Bun.randomUUIDv7(), time: noon, partition: 3, offset: "42", reason: "lost" },
    ...{ detail: "It was lost.", headers_json: "{}", ...parts },
  };
}

/** A gateway, and a dead letter of a request whose execution was dead-lettered. */
async function withLetter(parts: Partial<DeadLetterRecord> = {}) {
  const gateway = testGateway();
  const { requests, results } = gateway;
  async function letter(more: Partial<DeadLetterRecord> = {}) {
    const request_id = more.request_id ?? (await gateway.stored());
    if (more.request_id === undefined) {
      await gateway.started(request_id);
      requests.become(request_id, "dead_lettered");
    }
    const execution_id = requests.last(request_id).id;
    const one = letterOf({ request_id, attempt: 1, execution_id, processor: "simulate", ...more });
    results.deadLetters.push(one);
    requests.deadLetters.set(one.id, request_id);
    return one;
  }
  /** An unreadable record, and what becomes of its replay. */
  function record(replay: Replay, more: Partial<DeadLetterRecord> = {}) {
    const origin = { origin_topic: "failed_executions", origin_partition: 7, origin_offset: "11" };
    const one = letterOf({ reason: "unreadable_record", ...origin, ...more });
    results.deadLetters.push(one);
    requests.deadLetters.set(one.id, replay);
    return one;
  }
  const bulk = async (body: object) =>
    gateway.post("/dead-letters/replay", JSON.stringify({ filter: { all: true }, ...body }));
  return { gateway, requests, results, letter, record, bulk, first: await letter(parts) };
}

describe("a list", () => {
  test("has small entries with links, and no bytes", async () => {
    const { gateway, record, first } = await withLetter({ value_base64: base64("secret") });
    record(
      { kind: "no_origin" },
      { id: "failed_executions/7/11/5", time: noon - 1, cut: "The key was omitted." },
    );
    const { status, text, json } = await gateway.get("/dead-letters");
    expect(status).toBe(200);
    const { id, request_id, execution_id } = first;
    const time = "2026-11-24 12:00:00.000000";
    expect(json).toEqual({
      dead_letters: [
        {
          ...{ id, time, reason: "lost", detail: "It was lost.", request_id, attempt: 1, execution_id },
          ...{ processor: "simulate", request_uri: `/requests/${request_id}` },
          execution_uri: `/requests/${request_id}/executions/${execution_id}`,
          results_uri: `/requests/${request_id}/executions/${execution_id}/results`,
        },
        {
          ...{ id: "failed_executions~2f7~2f11~2f5", time: "2026-11-24 11:59:59.999000" },
          ...{ reason: "unreadable_record", detail: "It was lost.", cut: "The key was omitted." },
          origin: { topic: "failed_executions", partition: 7, offset: "11" },
        },
      ],
    } as never);
    expect(text).not.toContain(base64("secret"));
  });

  test("follows its links through all pages, filters included, whatever its ids contain", async () => {
    const { gateway, record } = await withLetter();
    const ids = ["a/b?c#d%e~f", "..", "x".repeat(300), "plain"];
    for (const id of ids) record({ kind: "no_origin" }, { id, time: noon + 5 });
    record({ kind: "no_origin" }, { id: "older", time: noon - 1_000 });
    const seen: string[] = [];
    let uri =
      "/dead-letters?limit=2&reason=unreadable_record&since=2026-11-24T12:00:00Z&until=2026-11-24T12:00:01Z";
    for (let pages = 0; uri !== "" && pages < 5; pages++) {
      const { status, json } = await gateway.get(uri);
      expect(status).toBe(200);
      for (const { id } of json.dead_letters as { id: string }[]) {
        expect(id).toMatch(/^[A-Za-z0-9_~-]+$/);
        expect((await gateway.get(`/dead-letters/${id}`)).json.id).toBe(id);
        seen.push(id);
      }
      uri = json.next_uri ?? "";
    }
    expect(seen).toHaveLength(ids.length);
  });

  test.each([
    ["reason=other", "reason"],
    ["reason=$where", "reason"],
    ["processor[$ne]=x", "processor[$ne]"],
    ["processor=A", "processor"],
    ["since=yesterday", "since"],
    ["since=2026-13-01T00:00:00Z", "since"],
    ["since=2026-11-24T12:00:00Z&until=2026-11-24T12:00:00Z", "until"],
    [`limit=${limits.pageMax + 1}`, "limit"],
    ["cursor=1", "cursor"],
    ["cursor=1.a/b", "cursor"],
    [`cursor=${"1".repeat(17)}.a`, "cursor"],
  ])("refuses %s", async (query, field) => {
    const { gateway, results } = await withLetter();
    const answer = await gateway.get(`/dead-letters?${query}`);
    expect([...named(answer), answer.json.field]).toEqual([400, "invalid-parameter", field]);
    expect(results.calls.listDeadLetters).toBeUndefined();
  });
});

describe("one dead letter", () => {
  test("has its value as JSON byte for byte, as text, or in base64; the same for key and headers", async () => {
    const { gateway, record } = await withLetter();
    const value = '{"2":1e400,"__proto__":{"a":-0}}';
    const headers = {
      reason: base64("x"),
      odd: base64(new Uint8Array([0xff])),
      "origin-headers": base64(`{"a":"${base64("1")}"}`),
    };
    const one = record(
      { kind: "no_origin" },
      { key_base64: base64("k\u0000"), value_base64: base64(value), headers_json: JSON.stringify(headers) },
    );
    const { text, json } = await gateway.get(`/dead-letters/${one.id}`);
    expect(text).toContain(`"value":{"json":${value}}`);
    expect(json).toMatchObject({
      ...{ partition: 3, offset: "42", key: { text: "k\u0000" } },
      headers: [{ name: "reason", text: "x" }, { name: "odd", base64: "/w==" }, { name: "origin-headers" }],
      origin_headers: [{ name: "a", text: "1" }],
    });
    const shown = async (bytes: Uint8Array | string) => {
      const { id } = record({ kind: "no_origin" }, { value_base64: base64(bytes) });
      return (await gateway.get(`/dead-letters/${id}`)).json.value;
    };
    expect(await shown("{no JSON}")).toEqual({ text: "{no JSON}" });
    expect(await shown("")).toEqual({ text: "" });
    expect(await shown(new Uint8Array([0x7b, 0xff]))).toEqual({ base64: "e/8=" });
    expect(await shown("[".repeat(200_000))).toEqual({ text: "[".repeat(200_000) });
    expect(
      (await gateway.get(`/dead-letters/${record({ kind: "no_origin" }).id}`)).json.value,
    ).toBeUndefined();
  });

  test("says by which execution it was replayed, once it was", async () => {
    const { gateway, first } = await withLetter();
    const read = async () => (await gateway.get(`/dead-letters/${first.id}`)).json;
    expect(await read()).not.toHaveProperty("replayed_by");
    const { json } = await gateway.post(`/dead-letters/${first.id}/replay`);
    expect(await read()).toMatchObject({
      replayed_by: { execution_id: json.execution_id, status: "queued", execution_uri: json.execution_uri },
    });
  });

  test.each([
    "x",
    "..%2f..%2fetc",
    "%00",
    "~2",
    "~2F",
    "a".repeat(901),
    "01976b1e-7f0e-7000-8f0a-4b9b2f0a6c1d",
  ])("an unknown id is a 404: %s", async (id) => {
    const { gateway } = await withLetter();
    expect(named(await gateway.get(`/dead-letters/${id}`))).toEqual([404, "dead-letter-not-found"]);
    expect(named(await gateway.post(`/dead-letters/${id}/replay`))).toEqual([404, "dead-letter-not-found"]);
  });
});

describe("a replay", () => {
  test("starts one execution for 20 callers; afterwards it has no further effect, and says so", async () => {
    const { gateway, requests, first } = await withLetter();
    const replay = () => gateway.post(`/dead-letters/${first.id}/replay`);
    const answers = await Promise.all(Array.from({ length: 20 }, replay));
    expect(answers.map(({ status }) => status).toSorted()).toEqual([...Array(19).fill(200), 201]);
    const { id, request_id = "" } = first;
    const execution = requests.last(request_id);
    const execution_uri = `/requests/${request_id}/executions/${execution.id}`;
    for (const { status, json, headers } of answers) {
      expect(json).toEqual({
        ...{ id, replayed: status === 201, execution_id: execution.id, execution_uri },
        results_uri: `${execution_uri}/results`,
      } as never);
      expect(headers.get("location")).toBe(execution_uri);
      expect(headers.get("idempotency-replayed")).toBe(status === 201 ? null : "true");
    }
    requests.become(request_id, "succeeded");
    expect((await replay()).json).toMatchObject({ replayed: false, execution_id: execution.id });
    expect(execution.attempt).toBe(2);
    expect(gateway.counters.read()).toMatchObject({ dead_letters_replayed: 1 });
  });

  test("of a request that is active or has succeeded is refused, with a link", async () => {
    const { gateway, requests, letter, first } = await withLetter();
    const { request_id = "" } = first;
    const other = await letter({ request_id });
    await gateway.post(`/dead-letters/${other.id}/replay`);
    const replay = () => gateway.post(`/dead-letters/${first.id}/replay`);
    const active = await replay();
    expect(named(active)).toEqual([409, "execution-active"]);
    expect(active.json.execution_uri).toEndWith(requests.last(request_id).id);
    requests.become(request_id, "succeeded");
    expect(named(await replay())).toEqual([409, "already-succeeded"]);
  });

  test("of an unreadable record returns it to its topic", async () => {
    const { gateway, record } = await withLetter();
    const { id } = record({ kind: "published", topic: "failed_executions" });
    const { status, json } = await gateway.post(`/dead-letters/${id}/replay`);
    expect([status, json]).toEqual([202, { id, replayed: true, topic: "failed_executions" } as never]);
  });

  test.each<[Replay, string]>([
    [{ kind: "cut", cut: "The value was truncated." }, "The value was truncated."],
    [{ kind: "no_stored_topics" }, "stores no topics"],
    [{ kind: "no_origin" }, "does not say"],
    [{ kind: "too_large" }, "too large"],
  ])("of a record that cannot be replayed says why: %p", async (replay, why) => {
    const { gateway, record } = await withLetter();
    const answer = await gateway.post(`/dead-letters/${record(replay).id}/replay`);
    expect(named(answer)).toEqual([409, "dead-letter-not-replayable"]);
    expect(answer.json.detail as string).toContain(why);
  });
});

describe("a replay of many", () => {
  test("replays what matches, page by page, and says what was skipped and why", async () => {
    const { requests, letter, record, bulk, first } = await withLetter();
    const second = await letter({ time: noon - 1 });
    const cut = record({ kind: "cut", cut: "x" }, { id: "a/b", time: noon - 2 });
    const done = await letter({ time: noon - 3 });
    requests.become(done.request_id ?? "", "succeeded");
    const page = await bulk({ limit: 3 });
    expect(page.json).toEqual({
      ...{ matched: 3, replayed: 2, next: expect.any(String) },
      skipped: [{ id: "a~2fb", problem: expect.objectContaining({ status: 409 }) }],
    } as never);
    expect(cut.id).toBe("a/b");
    const last = await bulk({ limit: 3, cursor: page.json.next });
    const problem = expect.objectContaining({ type: "urn:sate:problem:already-succeeded" });
    expect(last.json).toEqual({ matched: 1, replayed: 0, skipped: [{ id: done.id, problem }] } as never);
    const again = (await bulk({ limit: 2 })).json.skipped as { id: string; problem: { type: string } }[];
    expect(again.map(({ id }) => id)).toEqual([first.id, second.id]);
    expect(again[0]?.problem.type).toBe("urn:sate:problem:dead-letter-replayed");
  });

  test("a dry run changes nothing, and skips all but the first dead letter of a request", async () => {
    const { requests, letter, bulk, first } = await withLetter();
    await letter({ request_id: first.request_id as string, time: noon + 1 });
    await letter();
    const before = requests.countExecutions();
    const problem = expect.objectContaining({ type: "urn:sate:problem:execution-active" });
    expect((await bulk({ dry_run: true })).json).toEqual({
      ...{ matched: 3, replayed: 2, skipped: [{ id: first.id, problem }] },
    } as never);
    expect(requests.countExecutions()).toBe(before);
  });

  test("filters by reason, processor and time", async () => {
    const { letter, bulk } = await withLetter();
    await letter({ reason: "max_failures", processor: "sate:webhook" });
    await letter({ time: noon + 60_000 });
    const matched = async (filter: object) => (await bulk({ filter, dry_run: true })).json.matched;
    expect(await matched({ all: true, reason: "max_failures" })).toBe(1);
    expect(await matched({ all: true, processor: "sate:webhook" })).toBe(1);
    expect(await matched({ since: "2026-11-24T12:00:01Z" })).toBe(1);
    expect(await matched({ all: true, until: "2026-11-24T12:00:01Z", reason: "lost" })).toBe(1);
  });

  test("stops before the deadline of a response, and says where to continue", async () => {
    const { gateway, requests, letter, bulk } = await withLetter();
    for (let index = 0; index < 40; index++) await letter({ time: noon - 1 - index });
    requests.control.before = () => {
      gateway.time.nowMs += 5_000;
    };
    const { json } = await bulk({ limit: 41 });
    expect(json).toMatchObject({ matched: limits.replaysMax, replayed: limits.replaysMax });
    expect((await bulk({ limit: 41, cursor: json.next })).json).toEqual({
      ...{ matched: 9, replayed: 9, skipped: [] },
    } as never);
  });

  test.each<[object, string]>([
    [{ filter: {} }, "filter"],
    [{ filter: { all: false } }, "filter"],
    [{ filter: { all: true, reason: "other" } }, "filter.reason"],
    [{ filter: { all: true, state: 1 } }, "filter.state"],
    [{ filter: { since: "2026-02-30T00:00:00Z" } }, "filter.since"],
    [{ limit: limits.bulkMax + 1 }, "limit"],
    [{ cursor: "1.a/b" }, "cursor"],
    [{ dry_run: "yes" }, "dry_run"],
  ])("refuses %j", async (body, field) => {
    const { bulk, results } = await withLetter();
    const answer = await bulk(body);
    expect([...named(answer), answer.json.field]).toEqual([422, "invalid-body", field]);
    expect(answer.json.detail as string).not.toContain("undefined");
    expect(results.calls.listDeadLetters).toBeUndefined();
  });
});

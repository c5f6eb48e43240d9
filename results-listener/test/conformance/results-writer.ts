import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { DeadLetterDocument, ResultRecord } from "@sate/contracts";
import { type ResultsWriter, Unavailable } from "../../src/ports.ts";
import { randomBytes, resultOf } from "../records.ts";

/** An empty Results DB. */
export type ResultsDbUnderTest = {
  /** A writer of its own on this database. Not opened. */
  writer(): ResultsWriter;
  /** What the database holds of a request, by attempt. */
  results(requestId: string): Promise<ResultRecord[]>;
  letter(id: string): Promise<DeadLetterDocument | null>;
  /** The result, made such that this database will never take it. */
  spoilt(result: ResultRecord): ResultRecord;
  /** Commits or commands that writers have sent so far. */
  writes(): number;
  close(): Promise<void>;
};

const hookMs = 120_000;

/** What every `ResultsWriter` must do. */
export function resultsWriterConformance(name: string, make: () => Promise<ResultsDbUnderTest>): void {
  describe(`${name} is a writer of results`, () => {
    let db: ResultsDbUnderTest;
    let writer: ResultsWriter;
    beforeAll(async () => {
      db = await make();
      writer = db.writer();
      await writer.open();
    }, hookMs);
    afterAll(async () => {
      await writer?.close();
      await db?.close();
    }, hookMs);

    test("results are stored, each with its answer, and are what they were", async () => {
      const requestId = Bun.randomUUIDv7();
      const results = (["succeeded", "failed", "lost"] as const).map((ending, index) =>
        resultOf(ending, { requestId, attempt: index + 1 }),
      );
      expect(await writer.record(results)).toEqual(["stored", "stored", "stored"]);
      expect(await db.results(requestId)).toEqual(results);
    });

    test("texts survive byte for byte", async () => {
      const texts = [
        "1e400",
        "9007199254740993",
        "-0",
        '"\\ud800 a\\u0000b"',
        '{"__proto__":{"admin":true},"$where":"1","a.b":2,"_bsontype":"ObjectId","":{"":0}}',
        '{"2":1,"1":2,"b":3,"b":4}',
        '" \u2028 é 😀"',
        `"${"x".repeat(1024 * 1024)}"`,
      ];
      const requestId = Bun.randomUUIDv7();
      const results = texts.map((text, index) =>
        resultOf("succeeded", { requestId, attempt: index + 1, payloadJson: text, outputsJson: text }),
      );
      await writer.record(results);
      const stored = await db.results(requestId);
      expect(stored.map(({ payload_json }) => payload_json)).toEqual(texts);
      expect(stored.map(({ outputs_json }) => outputs_json)).toEqual(texts);
    });

    test("an error survives with what a later version adds to it", async () => {
      const result = resultOf("failed");
      const error = { code: "x", message: "\ud800\u0000", cause: { $set: 1, "a.b": [null] } };
      await writer.record([{ ...result, error }]);
      expect((await db.results(result.request_id))[0]?.error).toEqual(error);
    });

    test("a repetition changes nothing and is told so, alone and in the same batch", async () => {
      const [one, other] = [resultOf("succeeded"), resultOf("failed")];
      expect(await writer.record([one, other, one])).toEqual(["stored", "stored", "repeated"]);
      expect(await writer.record([one])).toEqual(["repeated"]);
      expect(await writer.record([resultOf("succeeded"), other, one])).toEqual([
        "stored",
        "repeated",
        "repeated",
      ]);
      expect(await db.results(one.request_id)).toEqual([one]);
    });

    test("the first result of an execution stays, whatever comes later", async () => {
      const requestId = Bun.randomUUIDv7();
      const first = resultOf("failed", { requestId });
      const otherResult = resultOf("succeeded", { requestId, executionId: first.execution_id });
      const otherExecution = resultOf("succeeded", { requestId, resultId: first.id });
      expect(await writer.record([first, otherResult])).toEqual(["stored", "conflicting"]);
      expect(await writer.record([otherExecution, otherResult, first])).toEqual([
        "conflicting",
        "conflicting",
        "repeated",
      ]);
      expect(await db.results(requestId)).toEqual([first]);
    });

    test("of 50 contenders for one execution, from two writers, one wins and all see the same", async () => {
      const second = db.writer();
      await second.open();
      const requestId = Bun.randomUUIDv7();
      const contenders = Array.from({ length: 50 }, () => resultOf("succeeded", { requestId }));
      const answers = await Promise.all(
        contenders.map((result, index) =>
          (index % 2 === 0 ? writer : second).record([resultOf("failed"), result]),
        ),
      );
      const won = answers.flatMap(([, answer], index) => (answer === "stored" ? [contenders[index]] : []));
      const lost = answers.filter(([, answer]) => answer === "conflicting");
      expect([won.length, lost.length]).toEqual([1, 49]);
      expect(await db.results(requestId)).toEqual([won[0] as ResultRecord]);
      await second.close();
    });

    test("what the database will never take fails alone, wherever it stands", async () => {
      const good = [resultOf("succeeded"), resultOf("failed"), resultOf("lost")] as const;
      const bad = db.spoilt(resultOf("succeeded"));
      expect(await writer.record([bad])).toEqual(["refused"]);
      expect(await writer.record([bad, good[0], bad, good[1], good[0]])).toEqual([
        "refused",
        "stored",
        "refused",
        "stored",
        "repeated",
      ]);
      expect(await writer.record([good[2], bad])).toEqual(["stored", "refused"]);
      for (const result of good) expect(await db.results(result.request_id)).toEqual([result]);
      expect(await db.results(bad.request_id)).toEqual([]);
    });

    test("letters are kept byte for byte, once for each id", async () => {
      const value = Uint8Array.from({ length: 256 }, (_, index) => index);
      const letter = letterOf({ key: value, value, time: 8.64e15, offset: "9223372036854775807" });
      const bare = letterOf({ key: null, value: null, reason: null, detail: null, cut: null });
      expect(await writer.keep([letter, bare, letter])).toEqual([true, true, true]);
      expect(await writer.keep([{ ...letter, detail: "other" }])).toEqual([true]);
      expect(await db.letter(letter._id)).toEqual(letter);
      expect(await db.letter(bare._id)).toEqual(bare);
      const empty = letterOf({ value: new Uint8Array() });
      await writer.keep([empty]);
      expect((await db.letter(empty._id))?.value?.length).toBe(0);
    });

    test(
      "the largest letter there can be is kept",
      async () => {
        const largest = letterOf({
          value: randomBytes(8 * 1024 * 1024),
          key: randomBytes(1024 * 1024),
          headers: JSON.stringify({ x: "A".repeat(4 * 1024 * 1024 - 8) }),
        });
        expect(await writer.keep([largest])).toEqual([true]);
        const kept = await db.letter(largest._id);
        expect(kept?.headers).toBe(largest.headers);
        expect(Bun.hash(kept?.value as Uint8Array)).toBe(Bun.hash(largest.value as Uint8Array));
      },
      hookMs,
    );

    test("a batch is one write, and nothing is none", async () => {
      const before = db.writes();
      expect(await writer.record([])).toEqual([]);
      expect(await writer.keep([])).toEqual([]);
      expect(db.writes()).toBe(before);
      await writer.record(Array.from({ length: 200 }, () => resultOf("succeeded")));
      expect(db.writes()).toBe(before + 1);
    });

    test("opening may be repeated, and keeps what is there", async () => {
      const result = resultOf("succeeded");
      await writer.record([result]);
      await writer.open();
      const next = db.writer();
      await next.open();
      await next.ping();
      expect(await next.record([result])).toEqual(["repeated"]);
      await next.close();
    });

    test("closing is safe before opening and twice, and later calls reject", async () => {
      await db.writer().close();
      const closed = db.writer();
      await closed.open();
      await Promise.all([closed.close(), closed.close()]);
      await closed.close();
      const result = resultOf("succeeded");
      const calls = [
        () => closed.record([result]),
        () => closed.keep([letterOf({})]),
        () => closed.ping(),
        () => closed.open(),
      ];
      for (const call of calls) expect(await rejection(call())).toBeInstanceOf(Unavailable);
      expect(await db.results(result.request_id)).toEqual([]);
    });
  });
}

export function letterOf(parts: Partial<DeadLetterDocument>): DeadLetterDocument {
  return {
    _id: Bun.randomUUIDv7(),
    time: 1_604_766_718_103,
    partition: 3,
    offset: "42",
    reason: "unreadable_record",
    detail: "Its value is not JSON.",
    origin_topic: "failed_executions",
    origin_partition: 7,
    origin_offset: "11",
    key: null,
    value: new Uint8Array([1, 2, 3]),
    headers: "{}",
    cut: "Its value is cut.",
    ...parts,
  };
}

/** What a promise rejects with. */
export function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => "it did not reject",
    (error) => error,
  );
}

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type DeadLetterDocument, type ResultRecord, Unavailable } from "@sate/contracts";
import { rejection } from "@sate/contracts/test/support/settled.ts";
import type { ResultsWriter } from "../../src/ports.ts";
import { storedMax } from "../../src/recording/dead-letter-document.ts";
import { randomBytes, resultOf } from "../records.ts";
import { removalsConformance } from "./removals.ts";

/** An empty Results DB. */
export type ResultsDbUnderTest = {
  /** A writer of its own on this database. Not opened. */
  writer(): ResultsWriter;
  /** The stored results of a request, by attempt, without tombstones. */
  results(requestId: string): Promise<ResultRecord[]>;
  /** Everything that is stored of a request, as text. */
  stored(requestId: string): Promise<string>;
  deadLetter(id: string): Promise<DeadLetterDocument | null>;
  /** The result, changed so that this database will never take it. */
  invalid(result: ResultRecord): ResultRecord;
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

    test("results are stored and returned unchanged, byte for byte", async () => {
      const requestId = Bun.randomUUIDv7();
      const endings = ["succeeded", "failed", "lost"] as const;
      const results = endings.map((ending, index) => resultOf(ending, { requestId, attempt: index + 1 }));
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
      for (const text of texts) {
        const parts = { requestId, attempt: results.length + 1, payloadJson: text, outputsJson: text };
        results.push(resultOf("succeeded", parts));
      }
      // With fields of a later version.
      const error = { code: "x", message: "\ud800\u0000", cause: { $set: 1, "a.b": [null] } };
      results.push({ ...resultOf("failed", { requestId, attempt: results.length + 1 }), error });
      // One of a version that knew no processors.
      const { processor: _, ...withoutProcessor } = resultOf("failed", {
        requestId,
        attempt: results.length + 1,
      });
      results.push(withoutProcessor);
      expect(results[0]).toMatchObject({ processor: "word-count", processor_version: "1b2c", tries: 2 });
      expect(await writer.recordResults(results)).toEqual(results.map(() => "stored"));
      expect(await db.results(requestId)).toEqual(results);
    });

    test("a repetition changes nothing and is reported, alone and in the same batch", async () => {
      const [one, other] = [resultOf("succeeded"), resultOf("failed")];
      expect(await writer.recordResults([one, other, one])).toEqual(["stored", "stored", "repeated"]);
      expect(await writer.recordResults([one])).toEqual(["repeated"]);
      expect(await writer.recordResults([resultOf("succeeded"), other, one])).toEqual([
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
      expect(await writer.recordResults([first, otherResult])).toEqual(["stored", "conflicting"]);
      expect(await writer.recordResults([otherExecution, otherResult, first])).toEqual([
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
          (index % 2 === 0 ? writer : second).recordResults([resultOf("failed"), result]),
        ),
      );
      const won = answers.flatMap(([, answer], index) => (answer === "stored" ? [contenders[index]] : []));
      const lost = answers.filter(([, answer]) => answer === "conflicting");
      expect([won.length, lost.length]).toEqual([1, 49]);
      expect(await db.results(requestId)).toEqual([won[0] as ResultRecord]);
      await second.close();
    });

    test("a result that the database will never take fails alone, at any position of a batch", async () => {
      const good = [resultOf("succeeded"), resultOf("failed"), resultOf("lost")] as const;
      const bad = db.invalid(resultOf("succeeded"));
      expect(await writer.recordResults([bad])).toEqual(["refused"]);
      expect(await writer.recordResults([bad, good[0], bad, good[1], good[0]])).toEqual([
        "refused",
        "stored",
        "refused",
        "stored",
        "repeated",
      ]);
      expect(await writer.recordResults([good[2], bad])).toEqual(["stored", "refused"]);
      for (const result of good) expect(await db.results(result.request_id)).toEqual([result]);
      expect(await db.results(bad.request_id)).toEqual([]);
    });

    test("dead letters are stored byte for byte, once per id", async () => {
      const value = Uint8Array.from({ length: 256 }, (_, index) => index);
      const deadLetter = deadLetterOf({ key: value, value, time: 8.64e15, offset: "9223372036854775807" });
      const bare = deadLetterOf({
        ...{ key: null, value: null, reason: null, detail: null, cut: null },
        ...{ request_id: null, attempt: null, execution_id: null, processor: null },
      });
      expect(await writer.storeDeadLetters([deadLetter, bare, deadLetter])).toEqual([true, true, true]);
      expect(await writer.storeDeadLetters([{ ...deadLetter, detail: "other" }])).toEqual([true]);
      expect(await db.deadLetter(deadLetter._id)).toEqual(deadLetter);
      expect(await db.deadLetter(bare._id)).toEqual(bare);
      const empty = deadLetterOf({ value: new Uint8Array() });
      await writer.storeDeadLetters([empty]);
      expect((await db.deadLetter(empty._id))?.value?.length).toBe(0);
    });

    test("the largest possible dead letter is stored", async () => {
      const { valueBytes, keyBytes, headersBytes } = storedMax;
      const largest = deadLetterOf({
        value: randomBytes(valueBytes),
        key: randomBytes(keyBytes),
        headers: JSON.stringify({ x: "A".repeat(headersBytes - 8) }),
      });
      expect(await writer.storeDeadLetters([largest])).toEqual([true]);
      const kept = await db.deadLetter(largest._id);
      expect(kept?.headers).toBe(largest.headers);
      expect(Bun.hash(kept?.value as Uint8Array)).toBe(Bun.hash(largest.value as Uint8Array));
    }, 120_000);

    test("a batch is one write, and an empty batch is none", async () => {
      const before = db.writes();
      expect(await writer.recordResults([])).toEqual([]);
      expect(await writer.storeDeadLetters([])).toEqual([]);
      expect(db.writes()).toBe(before);
      await writer.recordResults(Array.from({ length: 200 }, () => resultOf("succeeded")));
      expect(db.writes()).toBe(before + 1);
    });

    removalsConformance(() => ({ db, writer }));

    test("opening again keeps the stored results", async () => {
      const result = resultOf("succeeded");
      await writer.recordResults([result]);
      await writer.open();
      const next = db.writer();
      await next.open();
      await next.ping();
      expect(await next.recordResults([result])).toEqual(["repeated"]);
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
        closed.recordResults([result]),
        closed.storeDeadLetters([deadLetterOf({})]),
        closed.removeResults([result], 0),
        closed.ping(),
        closed.open(),
      ];
      for (const call of calls) expect(await rejection(call)).toBeInstanceOf(Unavailable);
      expect(await db.results(result.request_id)).toEqual([]);
    });
  });
}

export function deadLetterOf(parts: Partial<DeadLetterDocument>): DeadLetterDocument {
  return {
    _id: Bun.randomUUIDv7(),
    time: 1_604_766_718_103,
    partition: 3,
    offset: "42",
    reason: "unreadable_record",
    detail: "The value is not valid JSON.",
    origin_topic: "failed_executions",
    origin_partition: 7,
    origin_offset: "11",
    key: null,
    value: new Uint8Array([1, 2, 3]),
    headers: "{}",
    cut: "The value was truncated.",
    request_id: Bun.randomUUIDv7(),
    attempt: 3,
    execution_id: Bun.randomUUIDv7(),
    processor: "word-count",
    ...parts,
  };
}

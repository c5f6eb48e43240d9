import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { limits, type ResultRecord, Unavailable } from "@sate/contracts";
import { gapMax, type Page, type ResultsReader } from "../../src/ports.ts";
import { attemptsOf, failureOf, resultOf } from "../results.ts";

/** A Results DB with the tables or collections that the listener creates. */
export type ResultsDbUnderTest = {
  /** A reader of its own on this database. Not opened. */
  reader(): ResultsReader;
  /** Stores results as the listener does. They are durable when it resolves. */
  add(results: ResultRecord[]): Promise<void>;
  close(): Promise<void>;
};

const hookMs = 120_000;
const bounds = { limit: 100, bytesMax: 8 * 1024 * 1024 };

/** What every `ResultsReader` must do. */
export function resultsReaderConformance(name: string, make: () => Promise<ResultsDbUnderTest>): void {
  describe(`${name} is a reader of results`, () => {
    let db: ResultsDbUnderTest;
    let reader: ResultsReader;
    beforeAll(async () => {
      db = await make();
      reader = db.reader();
      await reader.open();
    }, hookMs);
    afterAll(async () => {
      await reader?.close();
      await db?.close();
    }, hookMs);

    const ofRequest = (
      requestId: string,
      parts: { afterAttempt?: number; limit?: number; bytesMax?: number } = {},
    ) => reader.ofRequest(requestId, parts.afterAttempt ?? 0, { ...bounds, ...parts });
    const attemptsIn = ({ results, more }: Page) => ({
      attempts: results.map(({ attempt }) => attempt),
      more,
    });

    test("an unknown request or execution has no results", async () => {
      const nothing = { results: [], more: false };
      expect(await ofRequest(Bun.randomUUIDv7())).toEqual(nothing);
      expect(await reader.ofExecution(Bun.randomUUIDv7(), Bun.randomUUIDv7())).toBeNull();
    });

    test("results are returned byte for byte", async () => {
      const texts = [
        "1e400",
        "9007199254740993",
        "-0",
        '"\\ud800 a\\u0000b"',
        '{"__proto__":{"admin":true},"$where":"1","a.b":2,"_bsontype":"ObjectId","":{"":0}}',
        '{"2":1,"1":2,"b":3,"b":4}',
        '" \u2028 é 😀"',
        `"${"x".repeat(500_000)}"`,
      ];
      const requestId = Bun.randomUUIDv7();
      const results = texts.map((text, index) =>
        resultOf({ request_id: requestId, attempt: index + 1, payload_json: text, outputs_json: text }),
      );
      const error = { code: "x", message: "\ud800\u0000", cause: { $set: 1, "a.b": [null] } };
      results.push(failureOf({ request_id: requestId, attempt: 9, error, processing_total_seconds: 0 }));
      await db.add(results);
      expect(await ofRequest(requestId)).toEqual({ results, more: false });
    });

    test("results of a request are sorted by attempt, and exclude those of other requests", async () => {
      const requestId = Bun.randomUUIDv7();
      const neighbours = ["0", "f"]
        .map((end) => `${requestId.slice(0, -1)}${end}`)
        .filter((id) => id !== requestId);
      for (const id of neighbours) await db.add(attemptsOf(id, [1, 2, 30]));
      for (const attempt of [10, 2, 30, 9]) await db.add(attemptsOf(requestId, [attempt]));
      expect(attemptsIn(await ofRequest(requestId))).toEqual({ attempts: [2, 9, 10, 30], more: false });
      expect(attemptsIn(await ofRequest(requestId, { afterAttempt: 2 })).attempts).toEqual([9, 10, 30]);
      for (const afterAttempt of [30, limits.attemptMax, Number.MAX_SAFE_INTEGER]) {
        expect(await ofRequest(requestId, { afterAttempt })).toEqual({ results: [], more: false });
      }
    });

    test("every attempt that a request may have is read, in one page or in many", async () => {
      const requestId = Bun.randomUUIDv7();
      const attempts = all(1, limits.attemptMax);
      const results = attemptsOf(requestId, attempts);
      await db.add(results);
      expect(attemptsIn(await ofRequest(requestId, { limit: limits.attemptMax }))).toEqual({
        attempts,
        more: false,
      });
      const seen: number[] = [];
      for (let more = true; more; ) {
        const page = attemptsIn(await ofRequest(requestId, { afterAttempt: seen.at(-1) ?? 0 }));
        seen.push(...page.attempts);
        more = page.more;
      }
      expect(seen).toEqual(attempts);
      const last = results.at(-1) as ResultRecord;
      expect(await reader.ofExecution(requestId, last.execution_id)).toEqual(last);
    });

    test("a gap of attempts without a result hides none of those after it, wherever it is", async () => {
      // After the cursor, between two results, and across what an adapter reads at a time.
      for (const first of [
        1,
        gapMax,
        gapMax + 1,
        2 * gapMax,
        2 * gapMax + 1,
        limits.attemptMax - gapMax - 1,
      ]) {
        const requestId = Bun.randomUUIDv7();
        const afterAttempt = first - 1;
        const behind = first + gapMax;
        const [result] = attemptsOf(requestId, [behind]) as [ResultRecord];
        await db.add([result]);
        expect(attemptsIn(await ofRequest(requestId, { afterAttempt }))).toEqual({
          attempts: [behind],
          more: false,
        });
        if (afterAttempt > 0) {
          await db.add(attemptsOf(requestId, all(1, afterAttempt)));
          const page = await ofRequest(requestId, { limit: limits.attemptMax });
          expect(attemptsIn(page).attempts).toEqual([...all(1, afterAttempt), behind]);
          const one = await ofRequest(requestId, { afterAttempt: afterAttempt - 1, limit: 1 });
          expect(attemptsIn(one)).toEqual({ attempts: [afterAttempt], more: true });
        }
        expect(await reader.ofExecution(requestId, result.execution_id)).toEqual(result);
        expect(await reader.recorded([{ request_id: requestId, attempt: behind }])).toEqual([true]);
      }
    });

    test("a page ends at its limit, and `more` is right", async () => {
      const requestId = Bun.randomUUIDv7();
      await db.add(attemptsOf(requestId, [1, 2, 3, 4, 5]));
      expect(attemptsIn(await ofRequest(requestId, { limit: 2 }))).toEqual({ attempts: [1, 2], more: true });
      expect(attemptsIn(await ofRequest(requestId, { limit: 4 })).more).toBe(true);
      expect(attemptsIn(await ofRequest(requestId, { limit: 5 }))).toEqual({
        attempts: [1, 2, 3, 4, 5],
        more: false,
      });
      expect(attemptsIn(await ofRequest(requestId, { limit: 2, afterAttempt: 3 }))).toEqual({
        attempts: [4, 5],
        more: false,
      });
    });

    test("a page ends at its bytes, counted in UTF-8, and has at least one result", async () => {
      const requestId = Bun.randomUUIDv7();
      // 1,000 bytes each, of 400 characters.
      const texts = { payload_json: `"${"€".repeat(166)}"`, outputs_json: `"${"é".repeat(249)}"` };
      await db.add(attemptsOf(requestId, [1, 2, 3], texts));
      expect(attemptsIn(await ofRequest(requestId, { bytesMax: 3_000 }))).toEqual({
        attempts: [1, 2, 3],
        more: false,
      });
      expect(attemptsIn(await ofRequest(requestId, { bytesMax: 2_999 }))).toEqual({
        attempts: [1, 2],
        more: true,
      });
      expect(attemptsIn(await ofRequest(requestId, { bytesMax: 1 }))).toEqual({ attempts: [1], more: true });
      const last = await ofRequest(requestId, { bytesMax: 1, afterAttempt: 2 });
      expect(attemptsIn(last)).toEqual({ attempts: [3], more: false });
    });

    test("pages read while results arrive repeat none, and miss none that was recorded", async () => {
      const requestId = Bun.randomUUIDv7();
      await db.add(attemptsOf(requestId, [2, 4, 6, 8, 10]));
      const seen: number[] = [];
      for (let more = true, arriving = 1; more; arriving += 2) {
        const page = await ofRequest(requestId, { limit: 2, afterAttempt: seen.at(-1) ?? 0 });
        seen.push(...attemptsIn(page).attempts);
        more = page.more;
        if (arriving < 13) await db.add(attemptsOf(requestId, [arriving]));
      }
      expect(seen).toEqual(seen.toSorted((a, b) => a - b));
      expect(new Set(seen).size).toBe(seen.length);
      expect(seen).toEqual(expect.arrayContaining([2, 4, 6, 8, 10]));
    });

    test("the result of an execution is found only with its own request", async () => {
      const requestId = Bun.randomUUIDv7();
      const [first, second] = attemptsOf(requestId, [1, 2]) as [ResultRecord, ResultRecord];
      await db.add([first, second]);
      expect(await reader.ofExecution(requestId, second.execution_id)).toEqual(second);
      expect(await reader.ofExecution(requestId, Bun.randomUUIDv7())).toBeNull();
      expect(await reader.ofExecution(Bun.randomUUIDv7(), second.execution_id)).toBeNull();
    });

    test("for many executions, in order, whether their results are recorded", async () => {
      const requestIds = Array.from({ length: 500 }, () => Bun.randomUUIDv7());
      await db.add(requestIds.flatMap((id, index) => (index % 3 ? attemptsOf(id, [2]) : [])));
      const asked = requestIds.flatMap((id) => [2, 1].map((attempt) => ({ request_id: id, attempt })));
      const wanted = requestIds.flatMap((_, index) => [index % 3 !== 0, false]);
      expect(await reader.recorded(asked)).toEqual(wanted);
      expect(await reader.recorded(asked.toReversed())).toEqual(wanted.toReversed());
      expect(await reader.recorded([])).toEqual([]);
    });

    test("a read sees everything that was acknowledged before it", async () => {
      const requestId = Bun.randomUUIDv7();
      for (let attempt = 1; attempt <= 50; attempt++) {
        await db.add(attemptsOf(requestId, [attempt]));
        expect((await ofRequest(requestId)).results.at(-1)?.attempt).toBe(attempt);
      }
    });

    test("concurrent reads do not mix", async () => {
      const requestIds = Array.from({ length: 50 }, () => Bun.randomUUIDv7());
      await db.add(requestIds.flatMap((id) => attemptsOf(id, [1, 2, 3])));
      const pages = await Promise.all(requestIds.map((id) => ofRequest(id, { limit: 2 })));
      for (const [index, page] of pages.entries()) {
        expect(attemptsIn(page)).toEqual({ attempts: [1, 2], more: true });
        expect(new Set(page.results.map(({ request_id }) => request_id))).toEqual(
          new Set([requestIds[index] as string]),
        );
      }
    });

    test("closing is safe before opening and twice, and later calls reject", async () => {
      await db.reader().close();
      const closed = db.reader();
      await closed.open();
      await closed.open();
      await closed.ping();
      await Promise.all([closed.close(), closed.close()]);
      await closed.close();
      const ids = { requestId: Bun.randomUUIDv7(), executionId: Bun.randomUUIDv7() };
      const calls = [
        () => closed.ofRequest(ids.requestId, 0, bounds),
        () => closed.ofExecution(ids.requestId, ids.executionId),
        () => closed.recorded([{ request_id: ids.requestId, attempt: 1 }]),
        () => closed.ping(),
        () => closed.open(),
      ];
      for (const call of calls) expect(await rejection(call())).toBeInstanceOf(Unavailable);
    });
  });
}

/** The attempts from `first` to `last`. */
function all(first: number, last: number): number[] {
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index);
}

/** The error of a promise that rejects. */
export function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => "it did not reject",
    (error) => error,
  );
}

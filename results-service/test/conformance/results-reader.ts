import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type ExecutionKey, limits, type ResultRecord, Unavailable } from "@sate/contracts";
import { rejection } from "@sate/contracts/test/support/settled.ts";
import { gapMax, type ResultsReader } from "../../src/ports.ts";
import { attemptsOf, failureOf, resultOf } from "../results.ts";

/** A Results DB with the tables or collections that the listener creates. */
export type ResultsDbUnderTest = {
  /** A reader of its own on this database. Not opened. */
  reader(): ResultsReader;
  /** Stores results as the listener does. They are durable when it resolves. */
  add(results: ResultRecord[]): Promise<void>;
  /** Stores tombstones of executions without a result, as the listener does. */
  remove(executions: ExecutionKey[]): Promise<void>;
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

    type Where = { afterAttempt?: number; limit?: number; bytesMax?: number };
    const ofRequest = (requestId: string, { afterAttempt = 0, ...parts }: Where = {}) =>
      reader.ofRequest(requestId, afterAttempt, { ...bounds, ...parts });
    /** The attempts on a page, and whether there are more. */
    async function page(requestId: string, where?: Where): Promise<[number[], boolean]> {
      const { results, more } = await ofRequest(requestId, where);
      return [results.map(({ attempt }) => attempt), more];
    }
    /** A new request with results of these attempts. */
    async function requestWith(attempts: number[], parts: Partial<ResultRecord> = {}): Promise<string> {
      const requestId = Bun.randomUUIDv7();
      await db.add(attemptsOf(requestId, attempts, parts));
      return requestId;
    }
    async function allPages(requestId: string, limit: number, betweenPages = async () => {}) {
      const seen: number[] = [];
      for (let more = true; more; await betweenPages()) {
        const [attempts, hasMore] = await page(requestId, { limit, afterAttempt: seen.at(-1) ?? 0 });
        seen.push(...attempts);
        more = hasMore;
      }
      return seen;
    }

    test("an unknown request or execution has no results", async () => {
      expect(await ofRequest(Bun.randomUUIDv7())).toEqual({ results: [], more: false });
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
      const run = { processor: "word-count", processor_version: "1b2c", tries: 2 };
      results.push(resultOf({ request_id: requestId, attempt: 10, ...run }));
      results.push(resultOf({ request_id: requestId, attempt: 11, processor: "word-count" }));
      await db.add(results);
      expect(await ofRequest(requestId)).toEqual({ results, more: false });
    });

    test("results of a request are sorted by attempt, and exclude those of other requests", async () => {
      const requestId = await requestWith([10]);
      const neighbours = ["0", "f"].map((end) => `${requestId.slice(0, -1)}${end}`);
      for (const id of neighbours) if (id !== requestId) await db.add(attemptsOf(id, [1, 2, 30]));
      for (const attempt of [2, 30, 9]) await db.add(attemptsOf(requestId, [attempt]));
      expect(await page(requestId)).toEqual([[2, 9, 10, 30], false]);
      expect(await page(requestId, { afterAttempt: 2 })).toEqual([[9, 10, 30], false]);
      for (const afterAttempt of [30, limits.attemptMax, Number.MAX_SAFE_INTEGER]) {
        expect(await page(requestId, { afterAttempt })).toEqual([[], false]);
      }
    });

    test("every attempt that a request may have is read, in one page or in many", async () => {
      const requestId = Bun.randomUUIDv7();
      const attempts = all(1, limits.attemptMax);
      const results = attemptsOf(requestId, attempts);
      await db.add(results);
      expect(await page(requestId, { limit: limits.attemptMax })).toEqual([attempts, false]);
      expect(await allPages(requestId, bounds.limit)).toEqual(attempts);
      const last = results.at(-1) as ResultRecord;
      expect(await reader.ofExecution(requestId, last.execution_id)).toEqual(last);
    });

    // After the cursor, between two results, and across what an adapter reads at a time.
    const gaps = [1, gapMax, gapMax + 1, 2 * gapMax, 2 * gapMax + 1, limits.attemptMax - gapMax - 1];
    test.each(gaps)("a gap of attempts from %d on hides none of those after it", async (first) => {
      const requestId = Bun.randomUUIDv7();
      const afterAttempt = first - 1;
      const behind = first + gapMax;
      const [result] = attemptsOf(requestId, [behind]) as [ResultRecord];
      await db.add([result]);
      expect(await page(requestId, { afterAttempt })).toEqual([[behind], false]);
      if (afterAttempt > 0) {
        await db.add(attemptsOf(requestId, all(1, afterAttempt)));
        const whole = await page(requestId, { limit: limits.attemptMax });
        expect(whole).toEqual([[...all(1, afterAttempt), behind], false]);
        const one = await page(requestId, { afterAttempt: afterAttempt - 1, limit: 1 });
        expect(one).toEqual([[afterAttempt], true]);
      }
      expect(await reader.ofExecution(requestId, result.execution_id)).toEqual(result);
      expect(await reader.recorded([{ request_id: requestId, attempt: behind }])).toEqual([true]);
    });

    test("removed results are not returned, count as recorded, and are no gap", async () => {
      const requestId = await requestWith([3, 60, 61, 500]);
      const removed = [...all(1, 2), ...all(4, 59), ...all(62, 499)].map((attempt) => {
        return { request_id: requestId, attempt };
      });
      await db.remove(removed);
      for (const limit of [1, 2, 3, 4, 5, 100]) {
        expect(await allPages(requestId, limit)).toEqual([3, 60, 61, 500]);
      }
      expect(await page(requestId, { limit: 2 })).toEqual([[3, 60], true]);
      const { results } = await ofRequest(requestId);
      for (const result of results) {
        expect(await reader.ofExecution(requestId, result.execution_id)).toEqual(result);
      }
      expect(await reader.ofExecution(requestId, "")).toBeNull();
      expect(await reader.recorded(removed)).toEqual(removed.map(() => true));
    });

    test("a page ends at its limit, and `more` is right", async () => {
      const requestId = await requestWith([1, 2, 3, 4, 5]);
      expect(await page(requestId, { limit: 2 })).toEqual([[1, 2], true]);
      expect(await page(requestId, { limit: 4 })).toEqual([[1, 2, 3, 4], true]);
      expect(await page(requestId, { limit: 5 })).toEqual([[1, 2, 3, 4, 5], false]);
      expect(await page(requestId, { limit: 2, afterAttempt: 3 })).toEqual([[4, 5], false]);
    });

    test("a page ends at its bytes, counted in UTF-8, and has at least one result", async () => {
      // 1,000 bytes each, of 400 characters.
      const texts = { payload_json: `"${"€".repeat(166)}"`, outputs_json: `"${"é".repeat(249)}"` };
      const requestId = await requestWith([1, 2, 3], texts);
      await db.add(attemptsOf(requestId, [4], { payload_json: "1", outputs_json: "1" }));
      expect(await page(requestId, { bytesMax: 3_002 })).toEqual([[1, 2, 3, 4], false]);
      // The last one would fit, but not after one that does not.
      expect(await page(requestId, { bytesMax: 2_999 })).toEqual([[1, 2], true]);
      expect(await page(requestId, { bytesMax: 0 })).toEqual([[1], true]);
      expect(await page(requestId, { bytesMax: 0, afterAttempt: 3 })).toEqual([[4], false]);
    });

    test("pages read while results arrive repeat none, and miss none that was recorded", async () => {
      const recorded = [2, 4, 6, 8, 10];
      const requestId = await requestWith(recorded);
      let arriving = -1;
      const seen = await allPages(requestId, 2, async () => {
        arriving += 2;
        if (arriving < 13) await db.add(attemptsOf(requestId, [arriving]));
      });
      expect(seen).toEqual([...new Set(seen)].toSorted((a, b) => a - b));
      expect(seen).toEqual(expect.arrayContaining(recorded));
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
      for (const attempt of all(1, 50)) {
        await db.add(attemptsOf(requestId, [attempt]));
        expect(await page(requestId)).toEqual([all(1, attempt), false]);
      }
    });

    test("concurrent reads do not mix", async () => {
      const requestIds = await Promise.all(all(1, 50).map(() => requestWith([1, 2, 3])));
      const pages = await Promise.all(requestIds.map((id) => ofRequest(id, { limit: 2 })));
      expect(pages.map(({ results }) => results.map(({ request_id }) => request_id))).toEqual(
        requestIds.map((id) => [id, id]),
      );
    });

    test("closing is safe before opening and twice, and later calls reject", async () => {
      await db.reader().close();
      const closed = db.reader();
      await closed.open();
      await closed.open();
      await closed.ping();
      await Promise.all([closed.close(), closed.close()]);
      await closed.close();
      const id = Bun.randomUUIDv7();
      const calls = [
        closed.ofRequest(id, 0, bounds),
        closed.ofExecution(id, id),
        closed.recorded([{ request_id: id, attempt: 1 }]),
        closed.ping(),
        closed.open(),
      ];
      for (const call of calls) expect(await rejection(call)).toBeInstanceOf(Unavailable);
    });
  });
}

/** The attempts from `first` to `last`. */
function all(first: number, last: number): number[] {
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index);
}

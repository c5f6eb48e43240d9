import { expect, test } from "bun:test";
import type { ResultRecord } from "@sate/contracts";
import type { ResultsWriter } from "../../src/ports.ts";
import { resultOf } from "../records.ts";
import { deadLetterOf, type ResultsDbUnderTest } from "./results-writer.ts";

const removedAt = 1_700_000_000_000;

/** What every `Removals` must do. `given` is set when the tests run. */
export function removalsConformance(given: () => { db: ResultsDbUnderTest; writer: ResultsWriter }): void {
  /** Results of attempts of one request, with a payload that can be searched for. */
  function attempts(count: number, secret: string): ResultRecord[] {
    const requestId = Bun.randomUUIDv7();
    return Array.from({ length: count }, (_, index) =>
      resultOf(index % 2 ? "failed" : "succeeded", {
        requestId,
        attempt: index + 1,
        payloadJson: `"payload ${secret}"`,
        outputsJson: `"outputs ${secret}"`,
      }),
    );
  }

  test("nothing of a removed result is left, and no later delivery stores it again", async () => {
    const { db, writer } = given();
    const secret = Bun.randomUUIDv7();
    const [first, second, third] = attempts(3, secret) as [ResultRecord, ResultRecord, ResultRecord];
    await writer.recordResults([first, second, third]);
    await writer.removeResults([first, second], removedAt);
    expect(await db.results(first.request_id)).toEqual([third]);
    expect(await writer.recordResults([second, first, third])).toEqual(["removed", "removed", "repeated"]);
    const other = { ...first, id: Bun.randomUUIDv7() };
    expect(await writer.recordResults([other])).toEqual(["removed"]);
    expect(await db.results(first.request_id)).toEqual([third]);

    await writer.removeResults([third], removedAt);
    expect(await db.stored(first.request_id)).not.toContain(secret);
    expect(await db.stored(first.request_id)).not.toContain(first.execution_id);
  });

  test("a result that is removed before it is recorded is never stored", async () => {
    const { db, writer } = given();
    const results = attempts(3, "late");
    await writer.recordResults(results.slice(0, 1));
    await writer.removeResults(results, removedAt);
    expect(await writer.recordResults(results)).toEqual(["removed", "removed", "removed"]);
    expect(await db.results(results[0]?.request_id as string)).toEqual([]);
  });

  test("a removal may be repeated, and leaves other attempts and requests alone", async () => {
    const { db, writer } = given();
    const [mine, others] = [attempts(2, "mine"), attempts(2, "others")];
    await writer.recordResults([...mine, ...others]);
    for (let round = 0; round < 3; round++) await writer.removeResults(mine.slice(1), removedAt + round);
    await writer.removeResults([], removedAt);
    expect(await db.results(mine[0]?.request_id as string)).toEqual(mine.slice(0, 1));
    expect(await db.results(others[0]?.request_id as string)).toEqual(others);
  });

  test("of 50 recordings and removals of one result at once, by two writers, nothing is left", async () => {
    const { db, writer } = given();
    const second = db.writer();
    await second.open();
    const results = attempts(20, "raced");
    await Promise.all(
      Array.from({ length: 50 }, (_, index) => {
        const one = index % 2 ? writer : second;
        return index % 5 === 0 ? one.removeResults(results, removedAt) : one.recordResults(results);
      }),
    );
    expect(await db.results(results[0]?.request_id as string)).toEqual([]);
    expect(await db.stored(results[0]?.request_id as string)).not.toContain("raced");
    await second.close();
  });

  test("the removal of a thousand recorded results is one write", async () => {
    const { db, writer } = given();
    const results = Array.from({ length: 1_000 }, () => resultOf("succeeded"));
    await writer.recordResults(results);
    const before = db.writes();
    await writer.removeResults(results, removedAt);
    expect(db.writes()).toBe(before + 1);
  });

  test("the tombstone of a request is found, and is no result", async () => {
    const { db, writer } = given();
    const [requestId, other] = [Bun.randomUUIDv7(), Bun.randomUUIDv7()];
    await writer.removeResults([{ request_id: requestId, attempt: 0 }], removedAt);
    await writer.removeResults([{ request_id: other, attempt: 1 }], removedAt);
    expect(await writer.removedRequests([other, requestId, Bun.randomUUIDv7()])).toEqual(
      new Set([requestId]),
    );
    expect(await writer.removedRequests([])).toEqual(new Set());
    expect(await db.results(requestId)).toEqual([]);
  });

  test("dead letters are deleted by id, by request and by age, up to a limit per call", async () => {
    const { db, writer } = given();
    const [one, other] = [Bun.randomUUIDv7(), Bun.randomUUIDv7()];
    const letters = [one, one, one, other].map((request_id, time) => deadLetterOf({ request_id, time }));
    const ids = letters.map(({ _id }) => _id);
    const left = async () => {
      const found = await Promise.all(ids.map((id) => db.deadLetter(id)));
      return found.flatMap((letter) => (letter ? ids.indexOf(letter._id) : []));
    };
    await writer.storeDeadLetters(letters);
    await writer.removeDeadLetters([]);
    await writer.removeDeadLetters([ids[0] as string, "unknown"]);
    expect(await left()).toEqual([1, 2, 3]);
    expect(await writer.removeDeadLettersOf([one, Bun.randomUUIDv7()], 1)).toBe(1);
    expect(await writer.removeDeadLettersOf([one], 10)).toBe(1);
    expect(await writer.removeDeadLettersOf([one], 10)).toBe(0);
    expect(await left()).toEqual([3]);

    await writer.storeDeadLetters(letters);
    expect(await writer.removeDeadLettersBefore(3, 2)).toBe(2);
    expect(await left()).toEqual([2, 3]);
    expect(await writer.removeDeadLettersBefore(3, 2)).toBe(1);
    expect(await writer.removeDeadLettersBefore(3, 2)).toBe(0);
    expect(await left()).toEqual([3]);
  });

  test("the clock of the database is in ms since 1970", async () => {
    expect(Math.abs((await given().writer.now()) - Date.now())).toBeLessThan(60_000);
  });
}

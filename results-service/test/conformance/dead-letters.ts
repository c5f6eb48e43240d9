import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type DeadLetterDocument, type DeadLetterRecord, limits, Unavailable } from "@sate/contracts";
import { rejection } from "@sate/contracts/test/support/settled.ts";
import type { DeadLetterQuery } from "../../src/dead-letters/port.ts";
import type { ResultsReader } from "../../src/ports.ts";
import { deadLetterOf } from "../dead-letters.ts";

/** A Results DB with the tables or collections, and the indexes, that the listener creates. */
export type DeadLettersUnderTest = {
  /** A reader of its own on this database. Not opened. */
  reader(): ResultsReader;
  /** Stores dead letters as the listener does. */
  addDeadLetters(deadLetters: DeadLetterDocument[]): Promise<void>;
  /** Stores them as version 0.1.0 did, without what they are about. */
  addOld(deadLetters: DeadLetterDocument[]): Promise<void>;
  close(): Promise<void>;
};

const hookMs = 120_000;

/** What the dead letters of every `ResultsReader` must do. */
export function deadLettersConformance(name: string, make: () => Promise<DeadLettersUnderTest>): void {
  describe(`${name} reads dead letters`, () => {
    let db: DeadLettersUnderTest;
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

    /** A processor of its own, so that a list has only the dead letters of one test. */
    const newProcessor = () => `p-${Bun.randomUUIDv7()}`;
    const list = (query: Partial<DeadLetterQuery>) => reader.deadLetters.list({ limit: 100, ...query });
    const idsOf = async (query: Partial<DeadLetterQuery>) =>
      (await list(query)).dead_letters.map(({ id }) => id);
    async function allPages(query: Partial<DeadLetterQuery>) {
      const pages: string[][] = [];
      let before: DeadLetterQuery["before"];
      do {
        const { dead_letters, next } = await list({ ...query, ...(before && { before }) });
        pages.push(dead_letters.map(({ id }) => id));
        before = next;
      } while (before);
      return pages;
    }

    test("a dead letter is returned byte for byte; its entry in a list has no bytes", async () => {
      const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
      const processor = newProcessor();
      const stored = deadLetterOf({
        ...{ _id: "failed_executions/7/11/5", processor, key: bytes, value: bytes, headers: '{"a":"AA=="}' },
        ...{ reason: "unreadable_record", origin_topic: "failed_executions", origin_partition: 7 },
        ...{ origin_offset: "9223372036854775807", cut: "The value was truncated." },
      });
      await db.addDeadLetters([stored]);
      const { _id: id, key: _key, value: _value, headers: _headers, ...entry } = stored;
      expect(await list({ processor })).toEqual({ dead_letters: [{ id, ...entry } as never] });
      const base64 = Buffer.from(bytes).toString("base64");
      expect(await reader.deadLetters.get(id)).toEqual({
        ...({ id, ...entry } as unknown as DeadLetterRecord),
        ...{ key_base64: base64, value_base64: base64, headers_json: '{"a":"AA=="}' },
      });
    });

    test("what a record does not say is absent, and an empty value is no missing one", async () => {
      const nothing = { request_id: null, attempt: null, execution_id: null, processor: null };
      const bare = deadLetterOf({ ...nothing, reason: null, detail: null, key: null, value: null });
      const empty = deadLetterOf({ value: new Uint8Array() });
      await db.addDeadLetters([bare, empty]);
      const { _id: id, time } = bare;
      const position = { partition: 3, offset: "42" };
      expect(await reader.deadLetters.get(id)).toEqual({ id, time, ...position, headers_json: "{}" });
      expect((await reader.deadLetters.get(empty._id))?.value_base64).toBe("");
      expect(await reader.deadLetters.get("unknown")).toBeNull();
    });

    test("newest first: by time, then by id, in pages that repeat and miss none, also of one instant", async () => {
      const processor = newProcessor();
      const times = [5, 3, 3, 3, 9, 3, 1];
      const stored = times.map((time) => deadLetterOf({ processor, time }));
      await db.addDeadLetters(stored);
      const wanted = stored
        .toSorted((a, b) => b.time - a.time || (a._id < b._id ? 1 : -1))
        .map(({ _id }) => _id);
      for (const limit of [1, 2, 3, 6, 7, 8]) {
        const pages = await allPages({ processor, limit });
        expect(pages.flat()).toEqual(wanted);
        expect(pages).toHaveLength(Math.ceil(wanted.length / limit));
      }
    });

    test("filters: reason, processor and time, alone and together", async () => {
      const [one, other] = [newProcessor(), newProcessor()];
      const reasons = ["lost", "max_failures", "unexpected_error"];
      const stored = [one, other].flatMap((processor) =>
        reasons.flatMap((reason) => [100, 200, 300].map((time) => deadLetterOf({ processor, reason, time }))),
      );
      const own = new Set(stored.map(({ _id }) => _id));
      await db.addDeadLetters(stored);
      const queries: Partial<DeadLetterQuery>[] = [
        { processor: one },
        { processor: one, reason: "lost" },
        { processor: one, reason: "none" },
        { processor: one, since: 200 },
        { processor: one, until: 200 },
        { processor: one, reason: "lost", since: 200, until: 201 },
        { reason: "lost", since: 100, until: 301 },
        { since: 100, until: 101 },
        { since: 301, until: 302 },
      ];
      for (const { reason, processor, since = 0, until = Number.MAX_SAFE_INTEGER } of queries) {
        const query = { ...(reason && { reason }), ...(processor && { processor }), since, until };
        const wanted = stored.filter(
          (letter) =>
            (reason === undefined || letter.reason === reason) &&
            (processor === undefined || letter.processor === processor) &&
            letter.time >= since &&
            letter.time < until,
        );
        const found = (await allPages(query)).flat().filter((id) => own.has(id));
        expect(found.toSorted()).toEqual(wanted.map(({ _id }) => _id).toSorted());
      }
    });

    test("a page that examines the most entries without a match is empty and says where to continue", async () => {
      const processor = newProcessor();
      const { examinedMax } = limits;
      const rest = Array.from({ length: examinedMax }, (_, index) =>
        deadLetterOf({ processor, reason: "lost", time: 1_000 + index, value: null }),
      );
      const wanted = deadLetterOf({ processor, reason: "max_failures", time: 10 });
      await db.addDeadLetters([...rest, wanted]);
      const query = { processor, reason: "max_failures", limit: 10 };
      const first = await list(query);
      expect(first).toEqual({ dead_letters: [], next: { time: 1_000, id: rest[0]?._id as string } });
      expect(await idsOf({ ...query, before: first.next as DeadLetterQuery["before"] & object })).toEqual([
        wanted._id,
      ]);
      expect(await allPages(query)).toHaveLength(2);
    });

    test("dead letters of version 0.1.0 are listed by time and reason, and what they are about is read from the record", async () => {
      const request_id = Bun.randomUUIDv7();
      const value = Buffer.from(JSON.stringify({ processing_request: { id: request_id } }));
      const headers = JSON.stringify({ reason: btoa("max_failures"), processor: btoa("word-count") });
      const old = deadLetterOf({ reason: "max_failures", time: 77, value, headers });
      await db.addOld([old]);
      for (const query of [{ reason: "max_failures" }, {}]) {
        const { dead_letters } = await list({ ...query, since: 77, until: 78 });
        expect(dead_letters).toMatchObject([{ id: old._id, reason: "max_failures" }]);
        expect(dead_letters[0]?.request_id).toBeUndefined();
      }
      expect(await reader.deadLetters.get(old._id)).toMatchObject({ request_id, processor: "word-count" });
    });

    test("after closing, calls reject", async () => {
      const closed = db.reader();
      await closed.open();
      await closed.close();
      const calls = [closed.deadLetters.list({ limit: 1 }), closed.deadLetters.get("x")];
      for (const call of calls) expect(await rejection(call)).toBeInstanceOf(Unavailable);
    });
  });
}

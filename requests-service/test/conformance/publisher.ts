import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Publisher } from "@sate/contracts";
import {
  type IncomingRecord,
  limits,
  type OutgoingRecord,
  type Topic,
  topics,
  Unavailable,
} from "@sate/contracts";

/** A log, and how to get at it. */
export type PublisherUnderTest = {
  newTopic(): Promise<Topic>;
  /** A new publisher. Not opened. */
  publisher(): Publisher;
  /** The first `count` records of a topic, in whatever order; waits until they are there. */
  read(topic: Topic, count: number): Promise<IncomingRecord[]>;
  /** What was counted so far of writes to the log: produce requests, commits. */
  writes(): number;
  close(): Promise<void>;
  /** A publisher whose broker cannot be reached; left out where that cannot be. */
  unreachable?(deadlineMs: number): Publisher;
};

const longMs = 60_000;

/** What every `Publisher` must do. */
export function publisherConformance(name: string, make: () => Promise<PublisherUnderTest>): void {
  describe(`${name} is a publisher`, () => {
    let log: PublisherUnderTest;
    let publisher: Publisher;
    beforeAll(async () => {
      log = await make();
      publisher = log.publisher();
      await publisher.open();
    }, longMs);
    afterAll(async () => {
      await publisher?.close();
      await log?.close();
    }, longMs);

    const testing = (what: string, body: (topic: Topic) => Promise<void>) =>
      test(what, async () => body(await log.newTopic()), longMs);

    testing("open can be called again, also by another publisher, and ping then resolves", async () => {
      await publisher.open();
      const other = log.publisher();
      await other.open();
      await other.close();
      await publisher.ping();
    });

    testing("published records are durable when the call resolves", async (topic) => {
      await publisher.publish([recordOn(topic, "durable")]);
      expect((await log.read(topic, 1)).map(textOf)).toEqual(["durable"]);
    });

    testing("a batch of 1,000 arrives, in few writes", async (topic) => {
      const texts = Array.from({ length: 1_000 }, (_, index) => `record ${index}`);
      const before = log.writes();
      await publisher.publish(texts.map((text) => recordOn(topic, text)));
      expect(log.writes() - before).toBeLessThanOrEqual(4);
      const read = await log.read(topic, 1_000);
      expect(read.map(textOf).toSorted()).toEqual(texts.toSorted());
    });

    testing("binary keys, values and headers arrive as they are; nulls are nulls", async (topic) => {
      const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte);
      const records: OutgoingRecord[] = [
        { topic, key: bytes, value: bytes, headers: { a: "", ü: "Größe 🎉" } },
        { topic, key: null, value: null, headers: {} },
      ];
      await publisher.publish(records);
      const read = await log.read(topic, 2);
      const full = read.find(({ value }) => value !== null);
      expect(full && [...(full.key ?? [])]).toEqual([...bytes]);
      expect(full && [...(full.value ?? [])]).toEqual([...bytes]);
      expect(full && Buffer.from(full.headers.ü ?? []).toString()).toBe("Größe 🎉");
      expect(full?.headers.a?.length).toBe(0);
      expect(read.find(({ value }) => value === null)?.key).toBeNull();
    });

    testing("records of one key stay in their order", async (topic) => {
      const texts = Array.from({ length: 50 }, (_, index) => `${index}`);
      for (const text of texts) await publisher.publish([{ ...recordOn(topic, text), key: "same" }]);
      expect((await log.read(topic, 50)).map(textOf)).toEqual(texts);
    });

    testing("large records, and more of them than one write can carry", async (topic) => {
      const large = "x".repeat(limits.bodyBytesCeiling);
      await publisher.publish(Array.from({ length: 8 }, () => recordOn(topic, large)));
      const read = await log.read(topic, 8);
      expect(read.every(({ value }) => value?.length === large.length)).toBe(true);
    });

    testing("a dead letter may be larger than any other record", async () => {
      await publisher.publish([recordOn(topics.deadLetters, "x".repeat(limits.recordBytesMax + 1_000))]);
    });

    testing("an empty batch resolves", async () => {
      await publisher.publish([]);
    });

    testing("close is safe before open and twice, and later calls reject", async (topic) => {
      const opened = log.publisher();
      await opened.open();
      for (const other of [log.publisher(), opened]) {
        await other.close();
        await Promise.all([other.close(), other.close()]);
        await expect(other.publish([recordOn(topic, "late")])).rejects.toThrow();
      }
    });

    testing(
      "with an unreachable broker every call rejects within its deadline, and close resolves",
      async (topic) => {
        const away = log.unreachable?.(500);
        if (!away) return;
        const startedAt = performance.now();
        const calls = [away.open(), away.ping(), away.publish([recordOn(topic, "nowhere")])];
        for (const settled of await Promise.allSettled(calls)) {
          expect(settled.status === "rejected" && settled.reason).toBeInstanceOf(Unavailable);
        }
        expect(performance.now() - startedAt).toBeLessThan(3_000);
        await away.close();
      },
    );
  });
}

function recordOn(topic: Topic, text: string): OutgoingRecord {
  return { topic, key: Bun.randomUUIDv7(), value: text, headers: { "schema-version": "1" } };
}

export function textOf({ value }: IncomingRecord): string {
  return Buffer.from(value ?? []).toString();
}

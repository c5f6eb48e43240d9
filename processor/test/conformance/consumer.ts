import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Consumer, IncomingRecord, OutgoingRecord, Topic } from "@sate/contracts";
import { eventually } from "../eventually.ts";

/** A log with consumer groups, and how to get at it. */
export type LogUnderTest = {
  /** A new topic, empty, which only these groups read; of more than one partition where the log has them. */
  newTopic(groups: string[]): Promise<Topic>;
  /** A new member of a group that reads this topic. Not started. */
  member(group: string, topic: Topic): Consumer;
  /** Resolves when the records are in the log; where it stores none, when every group has handled them. */
  publish(records: OutgoingRecord[]): Promise<void>;
  close(): Promise<void>;
};

const longMs = 60_000;
/** What a handler may be handed at a time, so that it can be done within the deadlines of those whom it calls. */
const partRecordsMax = 512;

/**
 * What every `Consumer` must do. `stores`: whether the log keeps records for groups that are not running. Where it
 * does not, records are published only while a member runs, and what needs a stored record is left out.
 */
export function consumerConformance(
  name: string,
  make: () => Promise<LogUnderTest>,
  { stores = true }: { stores?: boolean } = {},
): void {
  describe(`${name} is a consumer`, () => {
    let log: LogUnderTest;
    let topic: Topic;
    let group: string;
    let otherGroup: string;
    const members: Consumer[] = [];
    beforeAll(async () => {
      log = await make();
    }, longMs);
    afterAll(() => log?.close(), longMs);

    /** Every test has a topic and a group of its own, and its members end with it. */
    function testing(what: string, body: () => Promise<void>, hasOtherGroup = false): void {
      const whole = async () => {
        group = `group-${Bun.randomUUIDv7()}`;
        otherGroup = `other-${Bun.randomUUIDv7()}`;
        topic = await log.newTopic(hasOtherGroup ? [group, otherGroup] : [group]);
        try {
          await body();
        } finally {
          await Promise.all(members.splice(0).map((member) => member.stop()));
        }
      };
      test(what, whole, longMs);
    }

    function member(ofGroup = group): Consumer {
      const made = log.member(ofGroup, topic);
      members.push(made);
      return made;
    }

    /** Starts a member that keeps what it is handed. */
    async function reader(ofGroup = group) {
      const consumer = member(ofGroup);
      const got: IncomingRecord[] = [];
      await consumer.start(async (records) => void got.push(...records));
      return { consumer, got, texts: () => got.map(textOf) };
    }

    const recordsOf = (...texts: string[]) => texts.map((text) => recordOn(topic, text));
    const publish = (...texts: string[]) => log.publish(recordsOf(...texts));

    /** Publishes the records before `start`, or after it where they would not be stored. */
    async function around<T>(records: OutgoingRecord[], start: () => Promise<T>): Promise<T> {
      if (stores) await log.publish(records);
      const started = await start();
      if (!stores) await log.publish(records);
      return started;
    }
    const testingStored = stores ? testing : () => {};

    testingStored("records published before and after the group was created arrive", async () => {
      await publish("before");
      const { got, texts, consumer } = await reader();
      await eventuallyAll(texts, ["before"]);
      expect(consumer.notReadyReason()).toBeNull();
      await publish("after");
      await eventuallyAll(texts, ["before", "after"]);
      expect(got[0]).toMatchObject({ topic, offset: expect.stringMatching(/^\d+$/) });
      expect(got[0]?.timestamp).toMatch(/^\d+$/);
    });

    testing("keys, values and headers arrive byte for byte", async () => {
      const allBytes = Uint8Array.from({ length: 256 }, (_, index) => index);
      const records: OutgoingRecord[] = [
        { topic, key: allBytes, value: allBytes, headers: { "schema-version": "1", note: "é\u2028 %" } },
        { topic, key: null, value: null, headers: {} },
        { topic, key: "", value: "", headers: { empty: "" } },
      ];
      const { got } = await around(records, () => reader());
      await eventually(() => got.length >= 3, "all arrive", longMs);
      const plain = (bytes: string | Uint8Array | null) => (bytes === null ? null : [...Buffer.from(bytes)]);
      const plainOf = ({ key, value, headers }: IncomingRecord | OutgoingRecord) => {
        const texts = Object.entries(headers).map(([name, text]) => [name, plain(text)]);
        return { key: plain(key), value: plain(value), headers: Object.fromEntries(texts) };
      };
      expect(got.map(plainOf)).toEqual(expect.arrayContaining(records.map(plainOf)));
    });

    testing(
      "thousands come in parts, and what was handled is not repeated because a later part failed",
      async () => {
        const texts = Array.from({ length: 2_000 }, (_, index) => `t${index}`);
        const consumer = member();
        const got: string[] = [];
        let most = 0;
        let failures = 0;
        const handle = async (records: IncomingRecord[]) => {
          most = Math.max(most, records.length);
          // Each part but the first fails once.
          if (got.length > 0 && failures < got.length / partRecordsMax) {
            failures++;
            throw new Error("not now");
          }
          got.push(...records.map(textOf));
        };
        await around(recordsOf(...texts), () => consumer.start(handle));
        await eventually(() => got.length >= texts.length, "all arrive", longMs);
        expect(got.toSorted()).toEqual(texts.toSorted());
        expect(most).toBeLessThanOrEqual(partRecordsMax);
        expect(failures).toBeGreaterThan(0);
      },
    );

    testing("one call is under way at a time, and records of one key come in their order", async () => {
      const consumer = member();
      const got: IncomingRecord[] = [];
      let underWay = 0;
      let mostUnderWay = 0;
      await consumer.start(async (records) => {
        mostUnderWay = Math.max(mostUnderWay, ++underWay);
        got.push(...records);
        await new Promise((resolve) => setImmediate(resolve));
        underWay--;
      });
      const keys = ["a", "b", "c", "d", "e"];
      for (let round = 0; round < 20; round++) {
        await log.publish(keys.map((key) => ({ ...recordOn(topic, `${key} ${round}`), key })));
      }
      await eventually(() => new Set(got.map(textOf)).size === 100, "all arrive", longMs);
      for (const key of keys) {
        const rounds = got.map(textOf).filter((text) => text.startsWith(key));
        expect(rounds).toEqual(Array.from({ length: 20 }, (_, round) => `${key} ${round}`));
      }
      expect(mostUnderWay).toBe(1);
    });

    testing("after a clean stop the group continues after the last handled record", async () => {
      const first = await around(recordsOf("1", "2", "3"), () => reader());
      await eventuallyAll(first.texts, ["1", "2", "3"]);
      await first.consumer.stop();
      const second = await around(recordsOf("4"), () => reader());
      await eventuallyAll(second.texts, ["4"]);
    });

    testing(
      "a batch whose handler rejects is delivered again as a whole, and no record is skipped",
      async () => {
        const tries: string[][] = [];
        const handled: string[] = [];
        await member().start(async (records) => {
          const texts = records.map(textOf);
          tries.push(texts);
          if (tries.length <= 3) throw new Error("not now");
          handled.push(...texts);
        });
        await log.publish(["1", "2", "3"].map((text) => ({ ...recordOn(topic, text), key: "same" })));
        await eventuallyAll(() => handled, ["1", "2", "3"]);
        expect(tries.length).toBeGreaterThan(3);
        expect(tries[0]?.[0]).toBe("1");
        await publish("4");
        await eventuallyAll(() => handled, ["1", "2", "3", "4"]);
      },
    );

    for (const [fate, handle] of Object.entries({
      "handed over and not handled": () => new Promise<void>(() => {}),
      rejected: async () => Promise.reject(new Error("never")),
    })) {
      testingStored(`what was ${fate} until its member left comes again at the next one`, async () => {
        await publish("1", "2");
        const consumer = member();
        let calls = 0;
        await consumer.start((_records) => {
          calls++;
          return handle();
        });
        await eventually(() => calls > 0, "it is handed over", longMs);
        await consumer.stop();
        const { texts } = await reader();
        await eventuallyAll(texts, ["1", "2"]);
      });
    }

    testing("two members share the records, and when one leaves the other receives all", async () => {
      const [one, other] = [await reader(), await reader()];
      const both = () => [...one.texts(), ...other.texts()];
      const texts = Array.from({ length: 100 }, (_, index) => `shared ${index}`);
      await publish(...texts);
      await eventuallyAll(both, texts);
      await one.consumer.stop();
      const stoppedWith = one.got.length;
      const later = Array.from({ length: 100 }, (_, index) => `later ${index}`);
      await publish(...later);
      await eventuallyAll(other.texts, later, "at least");
      expect(one.got).toHaveLength(stoppedWith);
    });

    testing(
      "another group has all of it too",
      async () => {
        const readers = async () => [await reader(), await reader(otherGroup)] as const;
        const [one, other] = await around(recordsOf("1"), readers);
        await eventuallyAll(one.texts, ["1"]);
        await eventuallyAll(other.texts, ["1"]);
      },
      true,
    );

    testing(
      "a stop is safe before the start, twice, and at once; nothing is handed over after it",
      async () => {
        const idle = member();
        await idle.stop();
        await Promise.all([idle.stop(), idle.stop()]);
        const { consumer, got } = await reader();
        await Promise.all([consumer.stop(), consumer.stop()]);
        await consumer.stop();
        const { texts } = await around(recordsOf("1"), () => reader());
        await eventuallyAll(texts, ["1"]);
        expect(got).toHaveLength(0);
      },
    );

    testing("a stop in the middle of a start leaves no member behind", async () => {
      const consumer = member();
      const got: IncomingRecord[] = [];
      const starting = consumer.start(async (records) => void got.push(...records)).catch(() => {});
      await consumer.stop();
      await starting;
      const { texts } = await around(recordsOf("1"), () => reader());
      await eventuallyAll(texts, ["1"]);
      expect(got).toHaveLength(0);
    });
  });
}

export function recordOn(topic: Topic, text: string): OutgoingRecord {
  return { topic, key: Bun.randomUUIDv7(), value: text, headers: { "schema-version": "1" } };
}

export function textOf({ value }: IncomingRecord): string {
  return Buffer.from(value ?? []).toString();
}

/** All of these arrive, in whatever order and however often; nothing else does, unless `at least` is said. */
export async function eventuallyAll(
  texts: () => string[],
  wanted: string[],
  others: "at least" | "nothing else" = "nothing else",
): Promise<void> {
  const isThere = () => {
    const got = new Set(texts());
    return wanted.every((text) => got.has(text));
  };
  await eventually(
    isThere,
    `all ${wanted.length} arrive, of which the first is ${wanted[0]}`,
    longMs - 5_000,
  );
  if (others === "nothing else") expect(new Set(texts())).toEqual(new Set(wanted));
}

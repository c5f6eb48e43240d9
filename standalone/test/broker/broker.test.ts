import { afterEach, describe, expect, test } from "bun:test";
import { type IncomingRecord, type OutgoingRecord, topics, Unavailable } from "@sate/contracts";
import { createLog } from "@sate/contracts/runtime";
import type { Consumer } from "@sate/results-listener";
import { createBroker } from "../../src/broker/broker.ts";
import type { Limits } from "../../src/broker/group.ts";

const log = createLog("standalone", "error", () => {});
const consumers: Consumer[] = [];
afterEach(() => Promise.all(consumers.splice(0).map((consumer) => consumer.stop())));

function made(limits: Partial<Limits> = {}) {
  const declared = { one: [topics.failed], other: [topics.failed, topics.deadLetters] };
  const broker = createBroker(declared, { log, limits });
  const publish = (...texts: string[]) => broker.publisher().publish(texts.map((text) => record(text)));
  async function started(group: "one" | "other", handle: (texts: string[]) => unknown) {
    const consumer = broker.consumer(group);
    consumers.push(consumer);
    await consumer.start(async (records) => void (await handle(records.map(textOf))));
    return consumer;
  }
  return { broker, publish, started };
}

function record(text: string, topic: OutgoingRecord["topic"] = topics.failed): OutgoingRecord {
  return { topic, key: "k", value: text, headers: {} };
}
const textOf = ({ value }: IncomingRecord) => Buffer.from(value ?? []).toString();

async function rejection(promise: Promise<unknown>): Promise<Unavailable> {
  const error = await promise.then(
    () => new Error("it resolved"),
    (error: unknown) => error,
  );
  expect(error).toBeInstanceOf(Unavailable);
  return error as Unavailable;
}
const causeOf = async (promise: Promise<unknown>) => String((await rejection(promise)).cause);

const settled = (promise: Promise<unknown>) =>
  promise.then(
    () => true,
    () => false,
  );

/** How a promise stands once everything that can go on without it has gone on. */
async function stateOf(promise: Promise<unknown>): Promise<string> {
  let state = "pending";
  promise.then(
    () => (state = "resolved"),
    () => (state = "rejected"),
  );
  await new Promise((resolve) => setImmediate(resolve));
  return state;
}

describe("publish", () => {
  test("resolves when every group that reads the topic has handled the records, and not before", async () => {
    const { publish, started } = made();
    const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    await started("one", () => first.promise);
    await started("other", () => second.promise);
    const published = publish("a");
    expect(await stateOf(published)).toBe("pending");
    first.resolve();
    expect(await stateOf(published)).toBe("pending");
    second.resolve();
    await published;
  });

  test("rejects while a group that reads the topic is not running, and then no group gets the records", async () => {
    const { publish, started, broker } = made();
    const got: string[] = [];
    const one = await started("one", (texts) => got.push(...texts));
    expect(await causeOf(publish("a"))).toContain("other is not running");
    const other = await started("other", () => {});
    await one.stop();
    expect(await causeOf(publish("b"))).toContain("one is not running");
    expect(got).toEqual([]);
    // Only the group that runs reads it.
    await broker.publisher().publish([record("letter", topics.deadLetters)]);
    await other.stop();
  });

  test("rejects at its deadline when a handler hangs or always rejects, and the records do not come again", async () => {
    const { publish, started } = made({ publishMs: 100 });
    const tries: string[][] = [];
    await started("other", () => {});
    await started("one", (texts) => {
      tries.push(texts);
      if (tries.length < 3) throw new Error("not now");
      if (texts.includes("poison")) throw new Error("never");
    });
    expect(await causeOf(publish("poison"))).toContain("within 100 ms");
    // It waits for the pause after the last rejection, which may be longer than its deadline here.
    for (let isHandled = false; !isHandled; ) isHandled = await settled(publish("fine"));
    expect(tries.at(-1)).toEqual(["fine"]);
  });

  test("at a stop the records that wait are rejected, and those that are being handled when they are not", async () => {
    const { publish, started } = made();
    await started("other", () => {});
    const busy = Promise.withResolvers<void>();
    const one = await started("one", () => busy.promise);
    const underWay = publish("a");
    await stateOf(underWay);
    const waiting = publish("b");
    const stopped = one.stop();
    expect(await causeOf(publish("c"))).toContain("not running");
    busy.resolve();
    await underWay;
    expect(await causeOf(waiting)).toContain("one has stopped");
    await stopped;
  });

  test("records and bytes that wait are limited: one more is rejected, and room comes back", async () => {
    const { publish, started } = made({ recordsMax: 3, bytesMax: 1_000 });
    await started("other", () => {});
    const busy = Promise.withResolvers<void>();
    await started("one", () => busy.promise);
    const accepted = [publish("a", "b"), publish("c")];
    expect(await causeOf(publish("d"))).toContain("Too many records");
    busy.resolve();
    await Promise.all(accepted);
    await publish("x".repeat(999)); // with its key, the limit
    expect(await causeOf(publish("x".repeat(1_000)))).toContain("Too many records");
    await publish("e", "f", "g");
  });
});

describe("what a handler publishes to its own group", () => {
  /** A handler of `other` that makes a dead letter of every failed record. */
  function lettering(store: (text: string) => unknown) {
    const { broker, publish, started } = made();
    const own = broker.publisher({ within: "other" });
    const handle = async (texts: string[]) => {
      for (const text of texts) {
        if (text.startsWith("letter")) await store(text);
        else await own.publish([record(`letter of ${text}`, topics.deadLetters)]);
      }
    };
    return { publish, started, handle, own };
  }

  test("is handled before the record that caused it counts as handled", async () => {
    const stored = Promise.withResolvers<void>();
    const { publish, started, handle } = lettering(() => stored.promise);
    await started("one", () => {});
    await started("other", handle);
    const published = publish("a");
    expect(await stateOf(published)).toBe("pending");
    stored.resolve();
    await published;
  });

  test("is made anew when it could not be handled", async () => {
    const letters: string[] = [];
    const { publish, started, handle } = lettering((text) => {
      letters.push(text);
      if (letters.length === 1) throw new Error("not now");
    });
    await started("one", () => {});
    await started("other", handle);
    await publish("a");
    expect(letters).toEqual(["letter of a", "letter of a"]);
  });

  test("is an ordinary record when no call of the handler is under way", async () => {
    const letters: string[] = [];
    const { started, handle, own } = lettering((text) => letters.push(text));
    await rejection(own.publish([record("letter early", topics.deadLetters)]));
    await started("other", handle);
    await own.publish([record("letter alone", topics.deadLetters)]);
    expect(letters).toEqual(["letter alone"]);
  });
});

import { afterEach, describe, expect, test } from "bun:test";
import {
  type Consumer,
  type IncomingRecord,
  type OutgoingRecord,
  topics,
  Unavailable,
} from "@sate/contracts";
import { createLog } from "@sate/contracts/runtime";
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

/** Why a publication was rejected. */
async function causeOf(publication: Promise<unknown>): Promise<string> {
  const error = await publication.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(Unavailable);
  return String((error as Unavailable).cause);
}

/** The state of a promise after everything that can continue without it has continued. */
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

  test("rejects while a group that reads the topic is not running", async () => {
    const { publish, started, broker } = made();
    const one = await started("one", () => {});
    expect(await causeOf(publish("a"))).toContain("other is not running");
    await started("other", () => {});
    await one.stop();
    expect(await causeOf(publish("b"))).toContain("one is not running");
    // Only the group that runs reads this topic.
    await broker.publisher().publish([record("letter", topics.deadLetters)]);
  });

  test("rejects at its deadline when a handler always rejects, and the records are not handled again", async () => {
    const { publish, started } = made({ publishMs: 100 });
    const tries: string[][] = [];
    await started("other", () => {});
    await started("one", (texts) => {
      tries.push(texts);
      if (texts.includes("poison")) throw new Error("never");
    });
    expect(await causeOf(publish("poison"))).toContain("within 100 ms");
    // It waits for the pause after the last rejection, which may be longer than its deadline here.
    while ((await publish("fine").catch(() => "rejected")) === "rejected") {}
    expect(tries.at(-1)).not.toContain("poison");
  });

  test("at a stop the records in progress are handled, and those that wait are rejected", async () => {
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

  test("the memory of unhandled records is limited: more are rejected, and there is room again later", async () => {
    const { publish, started } = made({ bytesMax: 3_500 });
    await started("other", () => {});
    const busy = Promise.withResolvers<void>();
    await started("one", () => busy.promise);
    const accepted = [publish("a", "b"), publish("c")];
    expect(await causeOf(publish("d"))).toContain("Too many records");
    busy.resolve();
    await Promise.all(accepted);
    await publish("x".repeat(2_400));
    expect(await causeOf(publish("x".repeat(2_600)))).toContain("Too many records");
  });

  test("records whose publication missed its deadline take memory until the hanging handler ends", async () => {
    const { publish, started } = made({ bytesMax: 3_500, publishMs: 20 });
    await started("other", () => {});
    const busy = Promise.withResolvers<void>();
    await started("one", () => busy.promise);
    for (const text of ["a", "b", "c"]) expect(await causeOf(publish(text))).toContain("within 20 ms");
    expect(await causeOf(publish("d"))).toContain("Too many records");
    busy.resolve();
    await stateOf(busy.promise);
    await publish("d");
  });
});

describe("what a handler publishes to its own group", () => {
  /** A handler of `other` that publishes a dead letter for every failed record. */
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

  test("is published again when handling it failed", async () => {
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

  test("is an ordinary record when no call of the handler is in progress", async () => {
    const letters: string[] = [];
    const { started, handle, own } = lettering((text) => letters.push(text));
    expect(await causeOf(own.publish([record("letter early", topics.deadLetters)]))).toContain("not running");
    await started("other", handle);
    await own.publish([record("letter alone", topics.deadLetters)]);
    expect(letters).toEqual(["letter alone"]);
  });
});

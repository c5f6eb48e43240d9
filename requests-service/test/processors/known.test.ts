import { expect, test } from "bun:test";
import { defaultTimeoutSeconds, type ProcessorAnnouncement } from "@sate/contracts";
import { cachedProcessors } from "../../src/processors/known.ts";
import { beforeNext, openedStore } from "../core.ts";

const announcementOf = (name: string, parts: Partial<ProcessorAnnouncement> = {}) => ({
  announcement: { name, kind: "module" as const, timeout_seconds: 60, ...parts },
  bytes: 1,
});

function given() {
  const store = openedStore();
  const time = { now: 0 };
  let reads = 0;
  const { list } = store.processors;
  store.processors.list = (options) => {
    reads++;
    return list(options);
  };
  return {
    ...{ store, time },
    cached: cachedProcessors(store, () => time.now),
    announce: (name: string, parts?: Partial<ProcessorAnnouncement>) =>
      store.processors.announce([announcementOf(name, parts)]),
    reads: () => reads,
  };
}

test("a known processor is read at most once a second, without its schema", async () => {
  const { cached, announce, time, reads } = given();
  await announce("a", { input_json: "{}" });
  await announce("b", { timeout_seconds: 5 });
  const found = await Promise.all(Array.from({ length: 50 }, () => cached.find("a")));
  for (const one of found) expect(one).toEqual(announcementOf("a").announcement);
  expect((await cached.find("b"))?.timeout_seconds).toBe(5);
  expect(await cached.names()).toEqual(["a", "b", "simulate"]);
  expect(reads()).toBe(1);
  time.now = 999;
  await cached.find("a");
  expect(reads()).toBe(1);
  time.now = 1_000;
  await cached.find("a");
  expect(reads()).toBe(2);
});

test("an unknown name is read again, so what another process has announced is known at once", async () => {
  const { cached, announce } = given();
  expect(await cached.find("a")).toBeUndefined();
  await announce("a");
  expect(await cached.find("a")).toBeDefined();
});

test("concurrent lookups of unknown names share a read", async () => {
  const { cached, reads } = given();
  await cached.find("simulate");
  await Promise.all(Array.from({ length: 50 }, () => cached.find("a")));
  expect(reads()).toBeLessThanOrEqual(3);
});

test("what a process has stored itself is known after a refresh, even if a read was under way", async () => {
  const { store, cached, announce } = given();
  await announce("a");
  let announced: Promise<void> | undefined;
  beforeNext(store.processors, "list", async () => {
    announced = announce("b").then(cached.refresh);
  });
  await cached.find("a");
  await announced;
  expect(await cached.find("b")).toBeDefined();
});

test("a withdrawn processor is not known; the simulation always is, as it was announced last", async () => {
  const { store, cached, announce } = given();
  const builtIn = { name: "simulate", kind: "simulation", timeout_seconds: defaultTimeoutSeconds };
  expect(await cached.find("simulate")).toEqual(builtIn as ProcessorAnnouncement);
  await announce("a");
  await announce("simulate", { timeout_seconds: 7 });
  await store.processors.withdraw("a");
  await cached.refresh();
  expect(await cached.find("a")).toBeUndefined();
  expect((await cached.find("simulate"))?.timeout_seconds).toBe(7);
  expect(await cached.names()).toEqual(["simulate"]);
  await store.processors.withdraw("simulate");
  await cached.refresh();
  expect(await cached.find("simulate")).toEqual(builtIn as ProcessorAnnouncement);
});

test("a failed read is reported, and the next one succeeds", async () => {
  const { store, cached, announce } = given();
  await announce("a");
  beforeNext(store.processors, "list", () => Promise.reject(new Error("away")));
  await expect(cached.find("a")).rejects.toThrow("away");
  expect(await cached.find("a")).toBeDefined();
});

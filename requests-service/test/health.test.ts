import { expect, test } from "bun:test";
import { createHealth } from "../src/health.ts";
import { fakeLog } from "./fakes/log.ts";

const well = async () => {};
const ill = async () => {
  throw new Error("mongodb://user:secret@host is away");
};

test("a part is ill from a turn that failed to one that succeeded, and each change is said once", async () => {
  const log = fakeLog();
  const health = createHealth(log);
  expect(await health.turn("store", well, "Away.")).toBe(true);
  expect(await health.turn("store", ill, "Away.")).toBe(false);
  expect(await health.turn("store", ill, "Away.")).toBe(false);
  expect(health.complaints()).toEqual(["Away."]);
  expect(await health.turn("store", well, "Away.")).toBe(true);
  expect(health.complaints()).toEqual([]);
  expect(log.said).toEqual(["warn: Away.", "info: well again"]);
});

test("a complaint may be made from the error, and a reason that changes is said again", async () => {
  const log = fakeLog();
  const health = createHealth(log);
  const fail = (message: string) => async () => Promise.reject(new Error(message));
  const why = (error: unknown) => (error as Error).message;
  for (const message of ["Away.", "Away.", "Not yet."]) await health.turn("store", fail(message), why);
  expect(health.complaints()).toEqual(["Not yet."]);
  expect(log.said).toEqual(["warn: Away.", "warn: Not yet."]);
});

test("two parts with the same trouble are one complaint, until both are well", async () => {
  const health = createHealth(fakeLog());
  await health.turn("a", ill, "The database is away.");
  await health.turn("b", ill, "The database is away.");
  expect(health.complaints()).toEqual(["The database is away."]);
  await health.turn("a", well, "The database is away.");
  expect(health.complaints()).toEqual(["The database is away."]);
});

test("insist turns until one succeeds", async () => {
  const health = createHealth(fakeLog());
  let turns = 0;
  const work = async () => {
    if (++turns < 2) throw new Error("not yet");
  };
  await health.insist("store", work, "Away.", new AbortController().signal);
  expect([turns, health.complaints()]).toEqual([2, []]);
});

test("insist ends when it is told to, also in a pause, and does not begin after that", async () => {
  const health = createHealth(fakeLog());
  const ending = new AbortController();
  let turns = 0;
  const insisting = health.insist(
    "store",
    async () => {
      turns++;
      setImmediate(() => ending.abort());
      throw new Error("never");
    },
    "Away.",
    ending.signal,
  );
  await insisting;
  await health.insist("store", well, "Away.", ending.signal);
  expect(turns).toBe(1);
});

import { expect, test } from "bun:test";
import { Unavailable } from "@sate/contracts";
import { createPoll } from "../../src/watch/poll.ts";
import { fakeTime } from "../support/fake-time.ts";

function testPoll(batchMax = 1_000) {
  const time = fakeTime();
  /** The items of each call, and when it was. */
  const calls: [at: number, ...items: string[]][] = [];
  const control: { before: () => Promise<void> | void } = { before: () => {} };
  const failures: unknown[] = [];
  const poll = createPoll<string, string>({
    ...time,
    batchMax,
    paceMs: (ageMs) => (ageMs < 100 ? 25 : 500),
    onFailure: (error) => void failures.push(error),
    async ask(items) {
      calls.push([time.monotonic(), ...items]);
      await control.before();
      return items.map((item) => `${item}!`);
    },
  });
  const answers: string[] = [];
  const add = (item: string, first?: "at once") =>
    poll.add(item, (answer) => void answers.push(answer), first);
  return { time, calls, control, failures, answers, add };
}

test("an item is polled at the pace of its age, and what was added at different moments is polled together", async () => {
  const { time, calls, add } = testPoll();
  await time.advance(7);
  add("a");
  await time.advance(10);
  add("b");
  await time.advance(183);
  expect(calls).toEqual([
    [25, "a", "b"],
    [50, "a", "b"],
    [75, "a", "b"],
    [100, "a", "b"],
    [125, "a", "b"],
  ]);
  await time.advance(1_000);
  expect(calls.slice(5)).toEqual([
    [500, "a", "b"],
    [1_000, "a", "b"],
  ]);
});

test("a restarted item is polled like a new one, and one can be polled at once", async () => {
  const { time, calls, add } = testPoll();
  const item = add("a", "at once");
  await time.advance(610);
  const before = calls.length;
  expect(calls[0]).toEqual([0, "a"]);
  item.askNow();
  item.restart();
  await time.advance(50);
  expect(calls.slice(before)).toEqual([
    [625, "a"],
    [650, "a"],
  ]);
  item.askNow();
  await time.advance(0);
  expect(calls.at(-1)).toEqual([660, "a"]);
});

test("a call has at most the maximum of items, and each answer goes to its item", async () => {
  const { time, calls, answers, add } = testPoll(2);
  for (const item of ["a", "b", "c"]) add(item);
  await time.advance(25);
  expect(calls).toEqual([
    [25, "a", "b"],
    [25, "c"],
  ]);
  expect(answers.toSorted()).toEqual(["a!", "b!", "c!"]);
});

test("without items there are no timers and no calls", async () => {
  const { time, calls, add } = testPoll();
  expect(time.timers()).toBe(0);
  const items = [add("a"), add("b")];
  await time.advance(30);
  for (const item of items) item.stop();
  expect(time.timers()).toBe(0);
  items[0]?.askNow();
  items[0]?.restart();
  await time.advance(10_000);
  expect([calls.length, time.timers()]).toEqual([1, 0]);
});

test("one round is under way at a time; an item that is stopped during it gets no answer; askNow is not forgotten", async () => {
  const { time, calls, control, answers, add } = testPoll();
  const { promise, resolve: release } = Promise.withResolvers<void>();
  control.before = () => promise;
  const [a, b] = [add("a"), add("b")];
  await time.advance(1_000);
  expect(calls).toHaveLength(1);
  a.stop();
  b.askNow();
  release();
  await time.advance(0);
  expect(answers).toEqual(["b!", "b!"]);
  expect(calls).toEqual([
    [25, "a", "b"],
    [1_000, "b"],
  ]);
});

test("while a service does not respond the pauses double up to five seconds; then everything is polled again", async () => {
  const { time, calls, control, failures, answers, add } = testPoll();
  control.before = () => Promise.reject(new Unavailable("no response"));
  const item = add("a");
  await time.advance(20_000);
  const at = calls.map(([one]) => one);
  const pauses = at.slice(1).map((one, index) => one - (at[index] as number));
  expect(pauses).toEqual([200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
  // Neither a new item nor a hint shortens the pause.
  add("b");
  item.askNow();
  await time.advance(500);
  expect([calls.length, failures.length]).toEqual([8, 8]);
  control.before = () => {};
  await time.advance(1_000);
  expect(calls[8]?.slice(1)).toEqual(["a", "b"]);
  expect(answers.slice(0, 2)).toEqual(["a!", "b!"]);
  await time.advance(600);
  expect(failures).toHaveLength(8);
});

test("a response with a different number of answers is a failure", async () => {
  const time = fakeTime();
  const failures: unknown[] = [];
  const onFailure = (error: unknown) => void failures.push(error);
  const poll = createPoll<string, string>({
    ...{ ...time, onFailure, batchMax: 10, paceMs: () => 25 },
    ask: async () => [],
  });
  const answers: string[] = [];
  poll.add("a", (answer) => void answers.push(answer));
  await time.advance(30);
  expect([failures.length, answers]).toEqual([1, []]);
});

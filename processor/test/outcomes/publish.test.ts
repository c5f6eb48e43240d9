import { expect, test } from "bun:test";
import { limits, type Outcome, type OutgoingRecord, type Run } from "@sate/contracts";
import { createCounters, createLog } from "@sate/contracts/runtime";
import { createOutcomePublisher } from "../../src/outcomes/publish.ts";
import { turns } from "../eventually.ts";
import { fakeTime } from "../fakes/time.ts";

function publisherOn(publish: (records: OutgoingRecord[]) => Promise<void>) {
  const batches: number[] = [];
  const marks: number[] = [];
  const time = fakeTime();
  const counters = createCounters();
  const outcomes = createOutcomePublisher({
    publisher: {
      async publish(records) {
        batches.push(records.length);
        await publish(records);
      },
    },
    requests: {
      async markPublished({ published }) {
        marks.push(published.length);
        return {};
      },
    },
    time,
    counters,
    log: createLog("processor", "error", () => {}),
  });
  const announce = (payload_json = "1") =>
    outcomes.publishSoon(
      { request_id: Bun.randomUUIDv7(), attempt: 1, execution_id: "e", payload_json } as Run,
      { status: "succeeded", outputs_json: "{}", result_id: Bun.randomUUIDv7() } as Outcome,
    );
  return { outcomes, announce, batches, marks, time, counters };
}

test("one publication is in flight at a time, with all that arrived meanwhile; marks are cleared later, many at once", async () => {
  const first = Promise.withResolvers<void>();
  const { announce, batches, marks, time } = publisherOn(() => first.promise);
  announce();
  await turns();
  for (let left = 5; left > 0; left--) announce();
  await turns();
  expect(batches).toEqual([1]);
  first.resolve();
  await turns();
  expect(batches).toEqual([1, 5]);
  expect(marks).toEqual([]);
  await time.advance(500);
  expect(marks).toEqual([6]);
});

test("the queue is bounded in records and in bytes; the rest is left to the sweeper", async () => {
  const never = new Promise<void>(() => {});
  const small = publisherOn(() => never);
  for (let left = 5_000; left > 0; left--) small.announce();
  expect(small.counters.read().outcomes_left_to_sweep).toBe(5_000 - 4_096);
  const large = publisherOn(() => never);
  const payload = JSON.stringify("x".repeat(limits.bodyBytesCeiling));
  for (let left = 100; left > 0; left--) large.announce(payload);
  expect(large.counters.read().outcomes_left_to_sweep).toBeGreaterThan(60);
});

test("published outcomes make room for more", async () => {
  const { outcomes, announce, counters } = publisherOn(async () => {});
  const payload = JSON.stringify("x".repeat(limits.bodyBytesCeiling));
  for (let round = 0; round < 4; round++) {
    for (let left = 20; left > 0; left--) announce(payload);
    await outcomes.flush();
  }
  expect(counters.read()).toEqual({ outcomes_published: 80, marks_cleared: 80 });
});

test("flush publishes and clears what is under way, and may be called at rest", async () => {
  const { outcomes, announce, batches, marks } = publisherOn(async () => {});
  await outcomes.flush();
  announce();
  await outcomes.flush();
  expect(batches).toEqual([1]);
  expect(marks).toEqual([1]);
});

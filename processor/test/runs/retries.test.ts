import { afterEach, describe, expect, test } from "bun:test";
import type { ProcessorAnnouncement } from "@sate/contracts";
import type { Handler, HandlerEnd } from "../../src/ports.ts";
import { eventually, turns } from "../eventually.ts";
import { wakeUp } from "../fakes/broker.ts";
import { heldHandler } from "../fakes/handlers.ts";
import { endAll, startedAmongFakes } from "../fakes/processor.ts";
import { onlyDefault } from "../fakes/processors.ts";

afterEach(endAll);

const retry = { tries: 3, first_seconds: 2, max_seconds: 60 };
const failed = (code: string, more = {}): HandlerEnd => ({
  kind: "failed",
  error: { code, message: "Not yet." },
  ...more,
});

/** A processor service with one processor and one execution. `tried` wakes it up, and resolves when a try has ended. */
async function trying(handler: Handler, announces: Partial<ProcessorAnnouncement> = { retry }, config = {}) {
  const among = await startedAmongFakes({ served: onlyDefault({ handler, announces }), config });
  const { requests, consumer } = among;
  const ref = requests.queue();
  const stored = () => requests.get(ref);
  const hasEnded = () => stored().outcome !== undefined || stored().waitsMs !== undefined;
  async function tried(): Promise<void> {
    requests.retryIsDue(ref);
    await consumer.deliver([wakeUp(ref)]);
    await eventually(hasEnded, "the try has ended");
    await turns();
  }
  return { ...among, ref, tried, stored };
}

test("a failed try is repeated after a pause, as long as there are tries; the end of the last one is the outcome", async () => {
  const seen: number[] = [];
  const { tried, stored, publisher, count } = await trying(async ({ tryNumber }) => {
    seen.push(tryNumber);
    return failed(`at_${tryNumber}`);
  });
  await tried();
  expect(stored()).toMatchObject({ status: "queued", waitsMs: 200, tries: 1, lost: 0 });
  await tried();
  expect(stored()).toMatchObject({ status: "queued", tries: 2, epoch: 2 });
  expect(publisher.published).toHaveLength(0);
  await tried();
  expect(stored().outcome).toMatchObject({ status: "failed", tries: 3, error: { code: "at_3" } });
  expect(seen).toEqual([1, 2, 3]);
  expect(count("runs_to_be_retried")).toBe(2);
});

test("a later try that succeeds is the outcome, with the number of tries", async () => {
  const { tried, stored } = await trying(async ({ tryNumber }) =>
    tryNumber < 2 ? failed("busy") : { kind: "succeeded", outputsJson: "7" },
  );
  await tried();
  await tried();
  expect(stored().outcome).toMatchObject({ status: "succeeded", outputs_json: "7", tries: 2 });
});

describe("another try follows", () => {
  test.each<[string, Handler]>([
    ["an unexpected error", async () => Promise.reject(new Error("x"))],
    ["something that is no result", async () => null as never],
    ["a handler that broke", async () => ({ kind: "broken", error: { code: "process_died", message: "m" } })],
    ["a failure", async () => failed("busy")],
  ])("%s", async (_what, handler) => {
    const { tried, stored } = await trying(handler);
    await tried();
    expect(stored()).toMatchObject({ status: "queued", tries: 1 });
  });
});

describe("no other try follows", () => {
  test.each<[string, Handler]>([
    ["a failure that is not retryable", async () => failed("bad_input", { isRetryable: false })],
    ["an invalid input", async () => failed("invalid_input")],
    ["outputs that are not JSON", async () => ({ kind: "succeeded", outputsJson: "{" })],
    [
      "outputs that are too large",
      async () => ({ kind: "succeeded", outputsJson: `"${"x".repeat(600_000)}"` }),
    ],
    [
      "a failure that asks for a pause beyond the deadline",
      async () => failed("busy", { retryAfterMs: 60_000 }),
    ],
  ])("%s", async (_what, handler) => {
    const { tried, stored } = await trying(handler);
    await tried();
    expect(stored()).toMatchObject({ status: "failed", tries: 0, outcome: { tries: 1 } });
  });

  test("without a policy", async () => {
    const { tried, stored } = await trying(async () => failed("busy"), {});
    await tried();
    expect(stored()).toMatchObject({ status: "failed", tries: 0 });
  });

  test("when the deadline has passed", async () => {
    const held = heldHandler();
    const { consumer, ref, stored, time } = await trying(held.handler);
    await consumer.deliver([wakeUp(ref)]);
    await eventually(() => held.active.length === 1, "it runs");
    await time.advance(60_000);
    await eventually(() => stored().status === "failed", "it has failed");
    expect(stored()).toMatchObject({ tries: 0, outcome: { error: { code: "timeout" }, tries: 1 } });
  });
});

test("a pause is as long as the handler requests", async () => {
  const { tried, stored } = await trying(async () => failed("busy", { retryAfterMs: 12_345.6 }));
  await tried();
  expect(stored().waitsMs).toBe(12_346);
});

test("the deadline counts from the claim: what is left is what requests-service says", async () => {
  const held = heldHandler();
  const { requests, consumer, ref, stored, time } = await trying(held.handler);
  requests.leftMs = 700;
  await consumer.deliver([wakeUp(ref)]);
  await eventually(() => held.active.length === 1, "it runs");
  expect(held.runs[0]).toMatchObject({ deadlineMs: 700, tryNumber: 1 });
  await time.advance(699);
  expect(held.runs[0]?.signal.aborted).toBe(false);
  await time.advance(1);
  await eventually(() => stored().status === "failed", "it has failed");
});

test("between two tries the slot is free", async () => {
  const handler: Handler = async ({ payloadJson }) =>
    payloadJson === "1" ? { kind: "succeeded", outputsJson: "1" } : failed("busy");
  const { requests, consumer, tried, stored } = await trying(handler, { retry }, { concurrency: 1 });
  await tried();
  expect(stored().status).toBe("queued");
  const other = requests.queue({ payload_json: "1" });
  await consumer.deliver([wakeUp(other)]);
  await eventually(() => requests.get(other).status === "succeeded", "another one runs");
});

test("reporting a try is retried until it is acknowledged, and the try counts once", async () => {
  const { requests, consumer, ref, stored, time, count } = await trying(async () => failed("busy"));
  requests.loseResponses("retryLater", 2);
  await consumer.deliver([wakeUp(ref)]);
  await eventually(() => count("finishes_repeated") === 1, "the response was lost");
  await time.advance(100);
  await eventually(() => count("finishes_repeated") === 2, "again");
  await time.advance(200);
  await eventually(() => count("finish_calls") === 3, "it is acknowledged");
  expect(stored()).toMatchObject({ status: "queued", tries: 1, epoch: 1 });
  expect(count("finishes_refused")).toBe(0);
});

test("a cancellation requested meanwhile prevents another try, and nothing is published here", async () => {
  const held = heldHandler();
  const { requests, consumer, ref, stored, publisher } = await trying(async (run) => {
    await held.handler(run);
    return failed("busy");
  });
  await consumer.deliver([wakeUp(ref)]);
  await eventually(() => held.active.length === 1, "it runs");
  requests.cancel(ref);
  held.end();
  await eventually(() => stored().status === "cancelled", "it is cancelled");
  await turns();
  expect(publisher.published).toHaveLength(0);
});

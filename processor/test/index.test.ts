import { afterEach, describe, expect, test } from "bun:test";
import { topics } from "@sate/contracts";
import { eventually, turns } from "./eventually.ts";
import { incoming, wakeUp } from "./fakes/log.ts";
import { type Among, processorAmongFakes } from "./fakes/processor.ts";

let among: Among;
afterEach(() => among.end());

async function started(options: Parameters<typeof processorAmongFakes>[0] = {}): Promise<Among> {
  among = processorAmongFakes(options);
  await among.processor.start();
  // Its first question, for all that is queued, is over: what a test queues from now on is not in its answer.
  await eventually(() => among.count("claim_any") === 1, "it has asked");
  await turns();
  return among;
}

const pong = async () => ({ kind: "succeeded" as const, outputsJson: '{"message":"pong"}' });

describe("from a record to an outcome", () => {
  test("an execution that is heard is claimed, run, finished, published, and its mark is cleared", async () => {
    const { requests, consumer, publisher, held, time } = await started();
    const ref = requests.queue();
    await consumer.deliver([wakeUp(ref)]);
    expect(requests.get(ref).status).toBe("running");
    expect(consumer.committed).toHaveLength(1);
    await eventually(() => held.runs.length === 1, "it runs");
    expect(held.runs[0]).toMatchObject({
      executionId: ref.execution_id,
      requestId: ref.request_id,
      epoch: 1,
      attempt: 1,
      payloadJson: '{"message":"never in a log"}',
    });
    await time.advance(250.5);
    held.end();
    await eventually(() => publisher.published.length === 1, "its outcome is published");
    expect(requests.get(ref).outcome).toMatchObject({
      status: "succeeded",
      outputs_json: '{"message":"pong"}',
      processing_start_time: "2020-11-07 16:31:58.103000",
      processing_end_time: "2020-11-07 16:31:58.353500",
      processing_total_seconds: 0.2505,
    });
    expect(publisher.published[0]).toMatchObject({ topic: topics.successful, key: ref.request_id });
    await time.advance(500);
    await eventually(() => !requests.get(ref).isMarked, "its mark is cleared");
  });

  test("a record that comes again does not run it a second time, neither beside its run nor after it", async () => {
    const { requests, consumer, held, count } = await started();
    const ref = requests.queue();
    await consumer.deliver([wakeUp(ref), wakeUp(ref)]);
    await consumer.deliver([wakeUp(ref)]);
    expect(count("claims_refused")).toBe(1);
    held.end();
    await eventually(() => requests.get(ref).status === "succeeded", "it ends");
    await consumer.deliver([wakeUp(ref)]);
    expect(held.runs).toHaveLength(1);
    expect(consumer.committed).toHaveLength(4);
  });

  test("an execution that nobody knows is dropped and counted", async () => {
    const { consumer, held, count } = await started();
    const ref = { request_id: Bun.randomUUIDv7(), attempt: 1, execution_id: Bun.randomUUIDv7() };
    await consumer.deliver([wakeUp(ref)]);
    expect(count("claims_unknown")).toBe(1);
    expect(held.runs).toHaveLength(0);
  });

  test("a record that cannot be read is in the dead letter queue before it is committed", async () => {
    const { requests, consumer, publisher } = await started();
    const ref = requests.queue();
    const garbage = incoming(Buffer.from([0xff, 0x00, 0x7b]), Buffer.from([1, 2, 3]));
    publisher.isAway = true;
    await expect(consumer.deliver([garbage, wakeUp(ref)])).rejects.toThrow("does not answer");
    expect(consumer.committed).toHaveLength(0);
    await eventually(() => requests.get(ref).status === "running", "the others go on");
    publisher.isAway = false;
    await consumer.deliver([garbage, wakeUp(ref)]);
    expect(consumer.committed).toHaveLength(2);
    expect(publisher.published[0]).toMatchObject({
      topic: topics.deadLetters,
      value: Buffer.from([0xff, 0x00, 0x7b]),
      headers: { reason: "unreadable_record", "origin-offset": garbage.offset },
    });
  });

  test("an exception lands in the dead letter queue, with the error's name and not its text", async () => {
    const handlers = {
      default: () => {
        throw new TypeError("mongodb://user:secret@host");
      },
    };
    const { requests, consumer, publisher, lines } = await started({ handlers });
    const ref = requests.queue();
    await consumer.deliver([wakeUp(ref)]);
    await eventually(() => publisher.published.length === 1, "it is published");
    expect(publisher.published[0]?.topic).toBe(topics.deadLetters);
    expect(publisher.published[0]?.headers.reason).toBe("unexpected_error");
    expect(requests.get(ref).outcome).toMatchObject({
      status: "dead_lettered",
      error: { code: "unexpected_error", message: "The processor failed unexpectedly (TypeError)." },
    });
    expect(lines.join("\n")).not.toContain("secret");
  });

  test("the processor that a request names runs it; one that does not exist makes it fail", async () => {
    const handlers = { default: pong, other: async () => ({ kind: "succeeded" as const, outputsJson: "7" }) };
    const { requests, consumer } = await started({ handlers });
    const other = requests.queue({ processor: "other" });
    const none = requests.queue({ processor: "constructor" });
    await consumer.deliver([wakeUp(other), wakeUp(none)]);
    await eventually(() => requests.all().every(({ outcome }) => outcome), "both end");
    expect(requests.get(other).outcome).toMatchObject({ outputs_json: "7" });
    expect(requests.get(none).outcome).toMatchObject({
      status: "failed",
      error: { code: "unknown_processor" },
    });
  });
});

describe("room", () => {
  test("concurrency is never exceeded; what finds no room is committed at once and runs when a slot is free", async () => {
    const { requests, consumer, held } = await started({ config: { concurrency: 3 } });
    const refs = Array.from({ length: 10 }, () => requests.queue());
    await consumer.deliver(refs.map(wakeUp));
    expect(consumer.committed).toHaveLength(10);
    await eventually(() => held.active.length === 3, "three run");
    // Time stands still: a free slot is filled at once, by no timer.
    for (let ended = 1; ended <= 10; ended++) {
      await eventually(() => held.runs.length === Math.min(ended + 2, 10), "the slot is filled");
      expect(requests.all().filter(({ status }) => status === "running").length).toBeLessThanOrEqual(6);
      held.end();
    }
    await eventually(() => requests.all().every(({ status }) => status === "succeeded"), "all end");
    expect(held.mostAtOnce).toBe(3);
    expect(held.runs).toHaveLength(10);
  });

  test("one claim is under way at a time, filled with what has gathered, and its records wait for its answer", async () => {
    const { requests, consumer, count } = await started({ config: { concurrency: 64 } });
    const refs = Array.from({ length: 40 }, () => requests.queue());
    const release = requests.hold("claim");
    const first = consumer.deliver([wakeUp(refs[0] as never)]);
    const others = refs.slice(1).map((ref) => consumer.deliver([wakeUp(ref)]));
    await turns();
    expect(count("claims")).toBe(1);
    expect(consumer.committed).toHaveLength(0);
    release();
    await Promise.all([first, ...others]);
    expect(count("claims")).toBe(2);
    expect(requests.all().every(({ status }) => status === "running")).toBe(true);
  });

  test("records that found no room do not wait for claims that come to be only because others have ended", async () => {
    const { requests, consumer, count } = await started({
      handlers: { default: pong },
      config: { concurrency: 100 },
    });
    const refs = Array.from({ length: 1_000 }, () => requests.queue());
    const delivered = consumer.deliver(refs.map(wakeUp)); // the first claim, of 64
    const releaseSecond = requests.hold("claim"); // of the 36 for which there is room beside them
    await eventually(() => count("claims") === 2 && count("outcomes_published") === 64, "64 are over");
    const releaseThird = requests.hold("claim");
    releaseSecond();
    await delivered;
    expect(consumer.committed).toHaveLength(1_000);
    releaseThird();
    await eventually(() => requests.all().every(({ status }) => status === "succeeded"), "all end");
  });

  test("hints beyond the limit are dropped, and the database is asked for them as soon as the others have run", async () => {
    const { requests, consumer, count } = await started({
      handlers: { default: pong },
      config: { concurrency: 64 },
    });
    const release = requests.hold("claim");
    const refs = Array.from({ length: 4_096 + 100 }, () => requests.queue());
    const delivered = consumer.deliver(refs.map(wakeUp));
    await turns();
    expect(count("hints_dropped")).toBe(100);
    release();
    await delivered;
    expect(consumer.committed).toHaveLength(refs.length);
    // Time stands still.
    await eventually(() => requests.all().every(({ status }) => status === "succeeded"), "all run");
    expect(count("runs_started")).toBe(refs.length);
  });

  test("what the answer to a claim had no room for is asked for at once, until there is nothing left", async () => {
    const { requests, consumer, count } = await started({
      handlers: { default: pong },
      config: { concurrency: 64 },
    });
    requests.answerMax = 3;
    const refs = Array.from({ length: 10 }, () => requests.queue());
    await consumer.deliver(refs.map(wakeUp));
    // Time stands still.
    await eventually(() => requests.all().every(({ status }) => status === "succeeded"), "all run");
    expect(count("claims")).toBe(1);
    expect(requests.all().every(({ epoch }) => epoch === 1)).toBe(true);
  });

  test("outcomes that are not taken stop the intake at twice the concurrency", async () => {
    const { requests, consumer, count } = await started({ handlers: { default: pong } });
    const release = requests.hold("finish");
    const refs = Array.from({ length: 50 }, () => requests.queue());
    await consumer.deliver(refs.map(wakeUp));
    await eventually(() => count("runs_ended_succeeded") === 8, "twice four have ended");
    await turns(50);
    expect(count("runs_started")).toBe(8);
    release();
    await eventually(() => requests.all().every(({ status }) => status === "succeeded"), "all end");
  });
});

describe("what nobody heard", () => {
  test("at its start a processor asks for all that is queued, without waiting", async () => {
    among = processorAmongFakes({ handlers: { default: pong } });
    for (let left = 30; left > 0; left--) among.requests.queue();
    await among.processor.start();
    await eventually(() => among.requests.all().every(({ outcome }) => outcome), "all run");
    expect(among.count("claims")).toBe(0);
  });

  test("a processor with room that hears nothing for a second asks, and not before", async () => {
    const { requests, consumer, time, count } = await started({ handlers: { default: pong } });
    const ref = requests.queue();
    await time.advance(999);
    await consumer.deliver([]); // it looks
    expect(count("claim_any")).toBe(1);
    await time.advance(1);
    await eventually(() => requests.get(ref).status === "succeeded", "it runs"); // by its own loop
    expect(count("claim_any")).toBe(2);
  });

  test("a processor that hears all the time asks every five seconds all the same", async () => {
    const { requests, consumer, time } = await started({ handlers: { default: pong } });
    const forgotten = requests.queue();
    for (let half = 1; half < 10; half++) {
      await time.advance(500);
      await consumer.deliver([wakeUp(requests.queue())]);
    }
    expect(requests.get(forgotten).status).toBe("queued");
    await time.advance(500);
    await consumer.deliver([wakeUp(requests.queue())]);
    await eventually(() => requests.get(forgotten).status === "succeeded", "it runs");
  });

  test("a processor without room does not ask", async () => {
    const { requests, consumer, time, count, held } = await started({
      config: { concurrency: 1, executionMs: 3_600_000 },
    });
    await consumer.deliver([wakeUp(requests.queue())]);
    await eventually(() => held.active.length === 1, "it runs");
    await time.advance(60_000);
    await consumer.deliver([]);
    expect(count("claim_any")).toBe(1);
  });
});

describe("requests-service is away", () => {
  test("hints stay and are claimed when it is back", async () => {
    const { requests, consumer, time, held, count } = await started();
    const ref = requests.queue();
    requests.isAway = true;
    await consumer.deliver([wakeUp(ref)]);
    expect(consumer.committed).toHaveLength(1);
    const tries = count("claims");
    await consumer.deliver([]);
    expect(count("claims")).toBe(tries); // not again before its pause is over
    requests.isAway = false;
    await time.advance(200);
    await eventually(() => held.runs.length === 1, "it runs");
  });

  test("a finish is repeated until it is answered, and stored once", async () => {
    const { requests, consumer, publisher, held, time, count } = await started();
    const ref = requests.queue();
    await consumer.deliver([wakeUp(ref)]);
    await eventually(() => held.active.length === 1, "it runs");
    requests.loseAnswers("finish", 2);
    held.end();
    await eventually(() => count("finishes_repeated") === 1, "the answer was lost");
    const outcome = requests.get(ref).outcome;
    await time.advance(100);
    await eventually(() => count("finishes_repeated") === 2, "again");
    await time.advance(200);
    await eventually(() => publisher.published.length === 1, "it is answered, and published");
    expect(requests.get(ref).outcome).toEqual(outcome as never);
    expect(count("finishes_refused")).toBe(0);
  });

  test("runs whose claim was not answered are handed back after two heartbeats, and run then", async () => {
    const { requests, consumer, held, time, count } = await started({ config: { leaseMs: 2_000 } });
    const ref = requests.queue();
    requests.loseAnswers("claim", 1);
    await consumer.deliver([wakeUp(ref)]);
    expect(requests.get(ref)).toMatchObject({ status: "running", epoch: 1 });
    expect(held.runs).toHaveLength(0);
    await eventually(() => count("runs_handed_back") === 1, "it is handed back");
    expect(requests.get(ref).lost).toBe(0);
    await time.advance(1_000);
    await eventually(() => held.runs.length === 1, "it runs");
    expect(held.runs[0]?.epoch).toBe(2);
  });
});

describe("the broker is away", () => {
  test("an outcome that cannot be published is left to the sweeper, its mark stands", async () => {
    const { requests, consumer, publisher, held, time, count } = await started();
    const ref = requests.queue();
    await consumer.deliver([wakeUp(ref)]);
    publisher.isAway = true;
    await eventually(() => held.active.length === 1, "it runs");
    held.end();
    await eventually(() => count("outcomes_left_to_sweep") === 1, "it is left");
    publisher.isAway = false;
    await time.advance(1_000);
    expect(requests.get(ref)).toMatchObject({ status: "succeeded", isMarked: true });
    expect(publisher.published).toHaveLength(0);
  });

  test("a processor that starts meanwhile runs what is queued, and is not ready", async () => {
    among = processorAmongFakes({ handlers: { default: pong } });
    const { processor, requests, publisher } = among;
    publisher.isAway = true;
    const ref = requests.queue();
    const starting = processor.start();
    await eventually(() => requests.get(ref).status === "succeeded", "it runs");
    expect(await processor.notReadyReasons()).toContain("The broker does not answer.");
    publisher.isAway = false;
    await starting;
    expect(await processor.notReadyReasons()).toEqual([]);
  });
});

test("it is not ready while its heartbeats fail, or its consumer is out of its group", async () => {
  const { processor, requests, consumer } = await started({ config: { leaseMs: 1_000 } });
  expect(await processor.notReadyReasons()).toEqual([]);
  consumer.complains = "The consumer is not in its group.";
  expect(await processor.notReadyReasons()).toEqual([consumer.complains]);
  consumer.complains = null;
  requests.isAway = true;
  await eventually(async () => (await processor.notReadyReasons()).length > 0, "it is not ready");
  const headers = { authorization: "Bearer a-token-for-tests" };
  const response = await processor.app.handle(new Request("http://localhost/ready", { headers }));
  expect(response.status).toBe(503);
  expect(await response.json()).toEqual({ ready: false, reasons: ["requests-service does not answer."] });
});

test("it shows its health and its counters, and nothing else", async () => {
  const { processor } = await started();
  const routes = processor.app.routes.map(({ method, path }) => `${method} ${path}`);
  expect(routes.toSorted()).toEqual(["GET /live", "GET /metrics", "GET /ready"]);
});

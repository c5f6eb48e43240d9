import { afterEach, describe, expect, test } from "bun:test";
import { topics } from "@sate/contracts";
import { eventually } from "./eventually.ts";
import { incoming, wakeUp } from "./fakes/broker.ts";
import { pong } from "./fakes/handlers.ts";
import { endAll, processorAmongFakes, startedAmongFakes } from "./fakes/processor.ts";
import { onlyDefault } from "./fakes/processors.ts";

afterEach(endAll);

describe("from a record to an outcome", () => {
  test("an execution is claimed, run, reported and published, and its outbox mark is cleared", async () => {
    const { requests, consumer, publisher, held, time } = await startedAmongFakes();
    const ref = requests.queue();
    await consumer.deliver([wakeUp(ref)]);
    expect(consumer.committed).toHaveLength(1);
    await eventually(() => held.runs.length === 1, "it runs");
    expect(requests.get(ref).status).toBe("running");
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

  test("a redelivered record starts no second run, neither during the first nor after it", async () => {
    const { requests, consumer, held, count } = await startedAmongFakes();
    const ref = requests.queue();
    await consumer.deliver([wakeUp(ref), wakeUp(ref)]);
    await eventually(() => held.runs.length === 1, "it runs");
    await consumer.deliver([wakeUp(ref)]);
    await eventually(() => count("claims_refused") === 1, "the second claim is refused");
    held.end();
    await eventually(() => requests.get(ref).status === "succeeded", "it ends");
    await consumer.deliver([wakeUp(ref)]);
    await eventually(() => count("claims_refused") === 2, "the third claim is refused");
    expect(held.runs).toHaveLength(1);
    expect(consumer.committed).toHaveLength(4);
  });

  test("a wake-up for an unknown execution is dropped and counted", async () => {
    const { consumer, held, count } = await startedAmongFakes();
    const ref = { request_id: Bun.randomUUIDv7(), attempt: 1, execution_id: Bun.randomUUIDv7() };
    await consumer.deliver([wakeUp(ref)]);
    await eventually(() => count("claims_unknown") === 1, "it is counted");
    expect(held.runs).toHaveLength(0);
  });

  test("an unreadable record is dead-lettered before it is committed", async () => {
    const { requests, consumer, publisher } = await startedAmongFakes();
    const ref = requests.queue();
    const garbage = incoming(Buffer.from([0xff, 0x00, 0x7b]), Buffer.from([1, 2, 3]));
    publisher.isAway = true;
    await expect(consumer.deliver([garbage, wakeUp(ref)])).rejects.toThrow("does not respond");
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

  test("an exception is dead-lettered with the error's name and without its text", async () => {
    const served = onlyDefault(() => {
      throw new TypeError("mongodb://user:secret@host");
    });
    const { requests, consumer, publisher, lines } = await startedAmongFakes({ served });
    const ref = requests.queue();
    await consumer.deliver([wakeUp(ref)]);
    await eventually(() => publisher.published.length === 1, "it is published");
    expect(publisher.published[0]?.topic).toBe(topics.deadLetters);
    expect(publisher.published[0]?.headers.reason).toBe("unexpected_error");
    expect(requests.get(ref).outcome).toMatchObject({
      status: "dead_lettered",
      error: { code: "unexpected_error", message: "The processor threw an unexpected error (TypeError)." },
    });
    expect(lines.join("\n")).not.toContain("secret");
  });

  test("a request is run by the processor that it names, and its result has the version and the number of tries", async () => {
    const other = async () => ({ kind: "succeeded" as const, outputsJson: "7" });
    const served = { ...onlyDefault(pong), other: { handler: other, announces: { version: "v7" } } };
    const { requests, consumer } = await startedAmongFakes({ served });
    const simulated = requests.queue();
    const named = { ...requests.queue({ processor: "other" }), processor: "other" };
    await consumer.deliver([wakeUp(named), wakeUp(simulated)]);
    await eventually(() => requests.all().every(({ outcome }) => outcome), "both end");
    expect(requests.get(named).outcome).toMatchObject({
      outputs_json: "7",
      processor_version: "v7",
      tries: 1,
    });
    expect(requests.get(simulated).outcome).not.toHaveProperty("processor_version");
  });
});

describe("while requests-service is unavailable", () => {
  test("reporting an outcome is retried until it is acknowledged, and stored once", async () => {
    const { requests, publisher, held, time, count, running } = await startedAmongFakes();
    const ref = await running();
    requests.loseResponses("finish", 2);
    held.end();
    await eventually(() => count("finishes_repeated") === 1, "the response was lost");
    const outcome = requests.get(ref).outcome;
    await time.advance(100);
    await eventually(() => count("finishes_repeated") === 2, "again");
    await time.advance(200);
    await eventually(() => publisher.published.length === 1, "it is acknowledged, and published");
    expect(requests.get(ref).outcome).toEqual(outcome as never);
    expect(count("finishes_refused")).toBe(0);
  });
});

describe("while the broker is unavailable", () => {
  test("an outcome that cannot be published keeps its mark for the sweeper", async () => {
    const { requests, publisher, held, time, count, running } = await startedAmongFakes();
    const ref = await running();
    publisher.isAway = true;
    held.end();
    await eventually(() => count("outcomes_left_to_sweep") === 1, "it is left");
    publisher.isAway = false;
    await time.advance(1_000);
    expect(requests.get(ref)).toMatchObject({ status: "succeeded", isMarked: true });
    expect(publisher.published).toHaveLength(0);
  });

  test("a starting processor runs what is queued, and is not ready", async () => {
    const { processor, requests, publisher } = processorAmongFakes({ served: onlyDefault(pong) });
    publisher.isAway = true;
    const ref = requests.queue();
    const starting = processor.start();
    await eventually(() => requests.get(ref).status === "succeeded", "it runs");
    expect(await processor.notReadyReasons()).toContain("The broker does not respond.");
    publisher.isAway = false;
    await starting;
    expect(await processor.notReadyReasons()).toEqual([]);
  });
});

test("a processor whose consumer cannot join is not ready and says why, and goes on once it can", async () => {
  const { processor, consumer, running } = processorAmongFakes();
  consumer.reason = "A topic does not exist yet.";
  const starting = processor.start();
  const isReported = async () =>
    Bun.deepEquals(await processor.notReadyReasons(), ["It is starting.", consumer.reason]);
  await eventually(isReported, "the reason is reported");
  consumer.reason = null;
  await starting;
  expect(await processor.notReadyReasons()).toEqual([]);
  await running();
});

test("the processor is not ready while heartbeats fail or the consumer is out of its group", async () => {
  const { processor, requests, consumer } = await startedAmongFakes({ config: { leaseMs: 1_000 } });
  expect(await processor.notReadyReasons()).toEqual([]);
  consumer.reason = "The consumer is not in its group.";
  expect(await processor.notReadyReasons()).toEqual([consumer.reason]);
  consumer.reason = null;
  requests.isAway = true;
  await eventually(async () => (await processor.notReadyReasons()).length > 0, "it is not ready");
  const headers = { authorization: "Bearer a-token-for-tests" };
  const response = await processor.app.handle(new Request("http://localhost/ready", { headers }));
  expect(response.status).toBe(503);
  expect(await response.json()).toEqual({ ready: false, reasons: ["requests-service does not respond."] });
});

test("the app serves health and metrics, and nothing else", async () => {
  const { processor } = await startedAmongFakes();
  const routes = processor.app.routes.map(({ method, path }) => `${method} ${path}`);
  expect(routes.toSorted()).toEqual(["GET /live", "GET /metrics", "GET /ready"]);
});

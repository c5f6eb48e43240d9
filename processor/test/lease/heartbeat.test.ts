import { afterEach, describe, expect, test } from "bun:test";
import { eventually, turns } from "../eventually.ts";
import { wakeUp } from "../fakes/broker.ts";
import { endAll, type Options, processorAmongFakes, startedAmongFakes } from "../fakes/processor.ts";

const leaseMs = 1_000;
afterEach(endAll);

const started = (options: Options = {}) =>
  startedAmongFakes({ ...options, config: { leaseMs, ...options.config } });

/** A processor that runs one execution, of the worker with this id. */
async function running(options: Options = {}) {
  const among = await started(options);
  const ref = await among.running();
  return { ...among, ref, workerId: among.requests.get(ref).workerId as string };
}

describe("registration", () => {
  test("a registration without a response is retried under a new id, whose lease is fresh", async () => {
    const { processor, requests, running } = processorAmongFakes({ config: { leaseMs } });
    requests.loseResponses("registerWorker", 1);
    await processor.start();
    await eventually(() => requests.workers.size === 2, "it has registered again");
    const [first] = requests.workers.keys();
    expect(requests.get(await running()).workerId).not.toBe(first as string);
  });
});

describe("lease expiry", () => {
  test("by requests-service: runs are aborted, no outcome is sent, a new worker begins", async () => {
    const { requests, held, time, count, ref, workerId } = await running();
    requests.giveUp(workerId);
    await eventually(() => held.runs[0]?.signal.aborted === true, "it is aborted");
    expect(held.runs[0]?.signal.reason).toMatchObject({ why: "fenced" });
    await eventually(() => [...requests.workers.values()].includes("alive"), "a new worker is there");
    expect(count("workers_given_up")).toBe(1);
    expect(count("finish_calls")).toBe(0);
    // It goes on: what was lost is run again, here, by the new worker.
    await time.advance(1_000);
    await eventually(() => held.runs.length === 2, "it runs again");
    expect(held.runs[1]).toMatchObject({ executionId: ref.execution_id, epoch: 2 });
    expect(held.runs[1]?.workerId).not.toBe(workerId);
    held.end();
    await eventually(() => requests.get(ref).status === "succeeded", "it ends");
  });

  test("after two thirds of the lease without an acknowledged heartbeat; the runs are not counted as lost", async () => {
    const { requests, held, time, count, ref, workerId, beaten } = await running();
    requests.isAway = true;
    await beaten();
    await time.advance(leaseMs * 0.6);
    await beaten();
    expect(held.runs[0]?.signal.aborted).toBe(false);
    await time.advance(leaseMs * 0.1);
    await eventually(() => held.runs[0]?.signal.aborted === true, "it is aborted");
    expect(count("workers_given_up")).toBe(1);
    requests.isAway = false;
    await eventually(() => !requests.workers.has(workerId), "its successor has ended it");
    expect(requests.get(ref)).toMatchObject({ epoch: 1, lost: 0 });
    expect(count("finish_calls")).toBe(0);
  });

  test("while a heartbeat hangs", async () => {
    const { requests, held, time, count, workerId, beaten } = await running();
    const release = requests.hold("heartbeat");
    await beaten(1);
    await time.advance(leaseMs * 0.7);
    await eventually(() => held.runs[0]?.signal.aborted === true, "it is aborted");
    // What the response says then of the old worker is nothing to the new one.
    requests.giveUp(workerId);
    release();
    await beaten(2);
    expect(count("workers_given_up")).toBe(1);
  });

  test("after a freeze longer than the lease: no outcome is sent, whatever happens first", async () => {
    const { requests, held, time, count, ref } = await running();
    time.freeze(leaseMs);
    held.end(); // in the very turn of the event loop in which the process wakes
    await eventually(() => count("finishes_dropped") + count("runs_dropped") === 1, "it is dropped");
    expect(count("finish_calls")).toBe(0);
    expect(requests.get(ref).outcome).toBeUndefined();
    await eventually(() => count("workers_given_up") === 1, "it has noticed");
  });

  test("when the response to a heartbeat arrives a lease later", async () => {
    const { requests, held, time, count, beaten } = await running();
    const release = requests.hold("heartbeat");
    await beaten(1);
    time.freeze(leaseMs);
    release();
    await eventually(() => held.runs[0]?.signal.aborted === true, "it is aborted");
    expect(count("workers_given_up")).toBe(1);
  });

  test("runs that were claimed for an expired worker are not started", async () => {
    const { requests, consumer, held, time, count, beaten } = await started();
    const ref = requests.queue();
    const release = requests.hold("claim");
    void consumer.deliver([wakeUp(ref)]);
    await turns();
    const [first] = requests.workers.keys();
    time.freeze(leaseMs);
    await eventually(() => requests.workers.size === 2, "a new worker is there");
    await beaten(3);
    // It does not end its predecessor, whose claim may still be carried out.
    expect(requests.workers.has(first as string)).toBe(true);
    release();
    await eventually(() => count("runs_not_started") === 1, "its run is not started");
    expect(held.runs).toHaveLength(0);
    // The successor hands it back when no claim of its predecessor is under way, and it is run.
    await eventually(() => requests.get(ref).status === "queued", "it is released");
    expect(requests.get(ref).lost).toBe(0);
    await time.advance(1_000);
    await eventually(() => held.runs.length === 1, "it runs");
    expect(held.runs[0]?.epoch).toBe(2);
  });

  test("an outcome that is refused as too late is counted, and not published", async () => {
    const { requests, held, publisher, count, ref, workerId } = await running();
    const release = requests.hold("finish");
    held.end();
    await eventually(() => requests.calls.includes("finish"), "it finishes");
    requests.giveUp(workerId);
    release();
    await eventually(() => count("finishes_refused") === 1, "it is refused");
    expect(publisher.published).toHaveLength(0);
    expect(requests.get(ref).outcome).toBeUndefined();
  });
});

describe("the heartbeat response", () => {
  test("a run to be cancelled is aborted and ends as cancelled", async () => {
    const { requests, publisher, held, ref } = await running();
    requests.cancel(ref);
    await eventually(() => requests.get(ref).status === "cancelled", "it is cancelled");
    expect(held.runs[0]?.signal.reason).toMatchObject({ why: "cancelled" });
    expect(requests.get(ref).outcome).toMatchObject({ error: { code: "cancelled" } });
    await eventually(() => publisher.published.length === 1, "it is published");
    expect(publisher.published[0]?.topic).toBe("failed_executions");
  });

  test("a run that is missing twice belongs to another worker: it is aborted, and no outcome is sent", async () => {
    const { requests, held, count, ref } = await running();
    Object.assign(requests.get(ref), { workerId: Bun.randomUUIDv7(), epoch: 2 });
    await eventually(() => held.runs[0]?.signal.aborted === true, "it is aborted");
    await eventually(() => count("runs_dropped") === 1, "it is dropped");
    expect(count("runs_taken")).toBe(1);
    expect(count("finish_calls")).toBe(0);
    expect(count("workers_given_up")).toBe(0);
  });

  test("a release without a response does not hold up the heartbeats", async () => {
    const { requests, consumer, count, beaten } = await started();
    const release = requests.hold("handBack");
    requests.loseResponses("claim", 1);
    await consumer.deliver([wakeUp(requests.queue())]);
    await eventually(() => count("runs_handed_back") > 0, "it is to be released");
    await beaten();
    release();
  });

  test("a run whose claim is under way is not released, however many heartbeats list it", async () => {
    const { requests, consumer, held, count, beaten } = await started();
    const ref = requests.queue();
    const release = requests.holdResponses("claim");
    void consumer.deliver([wakeUp(ref)]);
    await eventually(() => requests.get(ref).status === "running", "it is claimed");
    await beaten(4);
    expect(count("runs_handed_back")).toBe(0);
    release();
    await eventually(() => held.runs.length === 1, "it runs");
    await beaten(4);
    expect(count("runs_handed_back")).toBe(0);
    expect(held.active).toHaveLength(1);
  });
});

describe("the deadline", () => {
  test("a run that does not end in time is aborted and fails with timeout", async () => {
    const { requests, time, held, ref } = await running({ timeoutSeconds: 0.3, config: { leaseMs: 60_000 } });
    await time.advance(299);
    expect(held.runs[0]?.signal.aborted).toBe(false);
    await time.advance(1);
    await eventually(() => requests.get(ref).status === "failed", "it has failed");
    expect(requests.get(ref).outcome).toMatchObject({
      error: {
        code: "timeout",
        message: "The execution did not end before its deadline. This run had 0.3 seconds.",
      },
      processing_total_seconds: 0.3,
    });
  });

  test("a handler that ignores its signal loses its slot", async () => {
    const config = { concurrency: 1, leaseMs: 60_000 };
    const options = { listens: false, timeoutSeconds: 0.3, config };
    const { requests, consumer, time, count, held, ref } = await running(options);
    const next = requests.queue();
    await consumer.deliver([wakeUp(next)]);
    await time.advance(300);
    expect(requests.get(ref).status).toBe("running");
    await time.advance(500);
    await eventually(() => requests.get(ref).status === "failed", "it has failed");
    expect(requests.get(ref).outcome).toMatchObject({ error: { code: "timeout" } });
    expect(count("runs_abandoned")).toBe(1);
    await eventually(() => held.runs.length === 2, "the next one runs");
    held.endAll();
    await eventually(() => requests.get(next).status === "succeeded", "and ends");
    expect(requests.get(ref).status).toBe("failed");
  });

  test("a new run of an execution waits until the aborted earlier run has ended", async () => {
    const { requests, consumer, held, ref, workerId } = await running({ listens: false });
    requests.giveUp(workerId);
    await eventually(() => held.runs[0]?.signal.aborted === true, "it is aborted");
    await eventually(() => [...requests.workers.values()].includes("alive"), "a new worker is there");
    await turns();
    await consumer.deliver([wakeUp(ref)]);
    await eventually(() => requests.get(ref).epoch === 2, "it is claimed again");
    await turns();
    expect(held.runs).toHaveLength(1);
    held.end();
    await eventually(() => held.runs.length === 2, "the second begins after the end of the first");
    held.end();
    await eventually(() => requests.get(ref).status === "succeeded", "it ends");
  });
});

import { afterEach, describe, expect, test } from "bun:test";
import type { ExecutionRef } from "@sate/contracts";
import { eventually, turns } from "../eventually.ts";
import { wakeUp } from "../fakes/broker.ts";
import { pong } from "../fakes/handlers.ts";
import { endAll, processorAmongFakes, startedAmongFakes } from "../fakes/processor.ts";
import { onlyDefault } from "../fakes/processors.ts";

afterEach(endAll);

const served = onlyDefault(pong);
const quick = { served, config: { concurrency: 64 } };

describe("capacity", () => {
  test("concurrency is never exceeded; further wake-ups are committed at once and claimed when a slot is free", async () => {
    const { requests, consumer, held } = await startedAmongFakes({ config: { concurrency: 3 } });
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

  test("one claim is in flight at a time, with all wake-ups that arrived meanwhile; records are committed when it is over", async () => {
    const { requests, consumer, count } = await startedAmongFakes({ config: { concurrency: 64 } });
    const refs = Array.from({ length: 40 }, () => requests.queue());
    const release = requests.hold("claim");
    const delivered = refs.map((ref) => consumer.deliver([wakeUp(ref)]));
    await turns();
    expect(count("claims")).toBe(1);
    expect(consumer.committed).toHaveLength(0);
    release();
    await Promise.all(delivered);
    expect(consumer.committed).toHaveLength(40);
    await eventually(() => requests.all().every(({ status }) => status === "running"), "all are claimed");
    expect(count("claims")).toBe(2);
  });

  test("wake-ups beyond the limit are dropped, and polled for as soon as the others have run", async () => {
    const { requests, consumer, count } = await startedAmongFakes(quick);
    const release = requests.hold("claim");
    const refs = Array.from({ length: 4_096 + 100 }, () => requests.queue());
    const delivered = consumer.deliver(refs.map(wakeUp));
    await turns();
    expect(count("wake_ups_dropped")).toBe(100);
    release();
    await delivered;
    expect(consumer.committed).toHaveLength(refs.length);
    // Time stands still.
    await eventually(() => requests.all().every(({ status }) => status === "succeeded"), "all run");
    expect(count("runs_started")).toBe(refs.length);
  });

  test("wake-ups are claimed in their order, each once; those of a claim without a response come first again", async () => {
    const { requests, consumer, held, time, count } = await startedAmongFakes({ config: { concurrency: 1 } });
    const refs = Array.from({ length: 4 }, () => requests.queue());
    const release = requests.hold("claim");
    void consumer.deliver([refs[0], refs[1], refs[0]].map((ref) => wakeUp(ref as ExecutionRef)));
    requests.isAway = true;
    release();
    await eventually(() => count("claims_unanswered") === 1, "its claim has failed");
    await consumer.deliver([refs[2], refs[1], refs[3]].map((ref) => wakeUp(ref as ExecutionRef)));
    requests.isAway = false;
    await time.advance(200);
    for (let run = 1; run <= refs.length; run++) {
      await eventually(() => held.runs.length === run, "the next one runs");
      held.end();
    }
    expect(held.runs.map(({ executionId }) => executionId)).toEqual(
      refs.map(({ execution_id }) => execution_id),
    );
    expect(count("claims")).toBe(refs.length + 1);
  });

  test("executions that a claim response had no room for are polled for at once, until none is left", async () => {
    const { requests, consumer, count } = await startedAmongFakes(quick);
    requests.runsPerClaim = 3;
    const refs = Array.from({ length: 10 }, () => requests.queue());
    await consumer.deliver(refs.map(wakeUp));
    // Time stands still.
    await eventually(() => requests.all().every(({ status }) => status === "succeeded"), "all run");
    expect(count("claims")).toBe(1);
    expect(requests.all().every(({ epoch }) => epoch === 1)).toBe(true);
  });

  test("wake-ups behind those that other workers have taken are not tried one by one; it polls instead", async () => {
    const { requests, consumer, count } = await startedAmongFakes({ served });
    const taken = Array.from({ length: 400 }, () => requests.queue());
    for (const ref of taken) Object.assign(requests.get(ref), { status: "running", worker_id: "another" });
    const polls = count("claim_any");
    const left = requests.queue();
    await consumer.deliver([...taken, left].map(wakeUp));
    await eventually(() => requests.get(left).status === "succeeded", "what was left runs");
    expect(count("claims")).toBeLessThanOrEqual(2);
    expect(count("claim_any")).toBeGreaterThan(polls);
  });

  test("while outcomes are not acknowledged, claims stop at twice the concurrency", async () => {
    const { requests, consumer, count } = await startedAmongFakes({ served });
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

describe("polling", () => {
  test("a processor polls at its start, without waiting", async () => {
    const { processor, requests, count } = processorAmongFakes({ served });
    for (let left = 30; left > 0; left--) requests.queue();
    await processor.start();
    await eventually(() => requests.all().every(({ outcome }) => outcome), "all run");
    expect(count("claims")).toBe(0);
  });

  test("a processor with capacity polls after an idle second, and not before", async () => {
    const { requests, consumer, time, count } = await startedAmongFakes({ served });
    const ref = requests.queue();
    await time.advance(999);
    await consumer.deliver([]); // it looks for a reason
    expect(count("claim_any")).toBe(1);
    await time.advance(1);
    await eventually(() => requests.get(ref).status === "succeeded", "it runs"); // by its own loop
    expect(count("claim_any")).toBe(2);
  });

  test("a busy processor polls every five seconds", async () => {
    const { requests, consumer, time } = await startedAmongFakes({ served });
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

  test("a processor without capacity polls only for webhooks, which have slots of their own, and seldom", async () => {
    const { requests, consumer, time, count, running } = await startedAmongFakes({
      config: { concurrency: 1 },
      timeoutSeconds: 3_600,
    });
    await running();
    const asked: (string[] | undefined)[] = [];
    const { claimAny } = requests;
    requests.claimAny = (claim) => {
      asked.push(claim.processors?.map(({ name }) => name));
      return claimAny(claim);
    };
    await time.advance(4_000);
    await consumer.deliver([]);
    expect(count("claim_any")).toBe(1);
    await time.advance(60_000);
    await consumer.deliver([]);
    expect(asked).toEqual([["sate:webhook"]]);
  });
});

describe("while requests-service is unavailable", () => {
  test("wake-ups are kept, and claimed with backoff", async () => {
    const { requests, consumer, time, held, count } = await startedAmongFakes();
    const ref = requests.queue();
    requests.isAway = true;
    await consumer.deliver([wakeUp(ref)]);
    expect(consumer.committed).toHaveLength(1);
    await eventually(() => count("claims_unanswered") === 1, "its claim has failed");
    await turns();
    await consumer.deliver([]);
    expect(count("claims")).toBe(1); // not again before its pause is over
    requests.isAway = false;
    await time.advance(200);
    await eventually(() => held.runs.length === 1, "it runs");
  });

  test("runs of a claim without a response are released after two heartbeats, and run then", async () => {
    const { requests, consumer, held, time, count } = await startedAmongFakes({ config: { leaseMs: 2_000 } });
    const ref = requests.queue();
    requests.loseResponses("claim", 1);
    await consumer.deliver([wakeUp(ref)]);
    await eventually(() => count("claims_unanswered") === 1, "the response is lost");
    expect(requests.get(ref)).toMatchObject({ status: "running", epoch: 1 });
    expect(held.runs).toHaveLength(0);
    await eventually(() => count("runs_handed_back") === 1, "it is released");
    expect(requests.get(ref).lost).toBe(0);
    await time.advance(1_000);
    await eventually(() => held.runs.length === 1, "it runs");
    expect(held.runs[0]?.epoch).toBe(2);
  });
});

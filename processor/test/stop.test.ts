import { afterEach, expect, test } from "bun:test";
import { eventually, turns } from "./eventually.ts";
import { wakeUp } from "./fakes/broker.ts";
import { heldHandler } from "./fakes/handlers.ts";
import { type Among, type Options, processorAmongFakes, startedAmongFakes } from "./fakes/processor.ts";

let among: Among;
afterEach(() => among.end());

async function started(options: Options = {}): Promise<Among> {
  among = await startedAmongFakes(options);
  return among;
}

/** Stops it, with time going on, and answers how long that took. */
async function stopped(): Promise<number> {
  const { processor, time } = among;
  const startedAt = time.monotonic();
  let isStopped = false;
  const stopping = processor.stop().then(() => {
    isStopped = true;
  });
  while (!isStopped) await Promise.race([stopping, time.advance(50)]);
  return time.monotonic() - startedAt;
}

test("an idle processor stops at once: not ready, out of the group, its worker ended, everything closed", async () => {
  const { processor, requests, consumer, publisher } = await started();
  const stopping = processor.stop();
  expect(await processor.notReadyReasons()).toEqual(["It is stopping."]);
  await stopping;
  expect(consumer.isStopped).toBe(true);
  expect(publisher.isClosed).toBe(true);
  expect(requests.workers().size).toBe(0);
});

test("runs that end in time are reported and published", async () => {
  const { processor, requests, consumer, publisher, held, time } = await started();
  const ref = requests.queue();
  await consumer.deliver([wakeUp(ref)]);
  await eventually(() => held.active.length === 1, "it runs");
  const later = requests.queue();
  const stopping = processor.stop();
  await time.advance(3_000);
  expect(held.runs[0]?.signal.aborted).toBe(false);
  await consumer.deliver([wakeUp(later)]);
  held.end();
  await stopping;
  expect(requests.get(ref)).toMatchObject({ status: "succeeded", isMarked: false });
  expect(publisher.published).toHaveLength(1);
  expect(requests.get(later)).toMatchObject({ status: "queued", epoch: 0 });
});

test("runs that do not end in time are aborted and requeued, not counted as lost", async () => {
  const { requests, consumer, held, count } = await started();
  const ref = requests.queue();
  await consumer.deliver([wakeUp(ref)]);
  await eventually(() => held.active.length === 1, "it runs");
  expect(await stopped()).toBeLessThan(10_000);
  expect(held.runs[0]?.signal.reason).toMatchObject({ why: "stopping" });
  expect(requests.get(ref)).toMatchObject({ status: "queued", epoch: 1, lost: 0 });
  expect(requests.get(ref).outcome).toBeUndefined();
  expect(count("finish_calls")).toBe(0);
});

test("a handler that ignores its signal does not delay the stop", async () => {
  const deaf = heldHandler({ listens: false });
  const { requests, consumer } = await started({ handlers: { default: deaf.handler } });
  const ref = requests.queue();
  await consumer.deliver([wakeUp(ref)]);
  await eventually(() => deaf.active.length === 1, "it runs");
  expect(await stopped()).toBeLessThan(10_000);
  expect(requests.get(ref)).toMatchObject({ status: "queued", lost: 0 });
});

test("heartbeats go on while runs may still end", async () => {
  const { processor, requests, consumer, held, count } = await started({ config: { leaseMs: 1_000 } });
  await consumer.deliver([wakeUp(requests.queue())]);
  await eventually(() => held.active.length === 1, "it runs");
  const stopping = processor.stop();
  const before = count("heartbeats");
  await eventually(() => count("heartbeats") >= before + 3, "heartbeats");
  held.end();
  await stopping;
});

test("runs of a claim under way are not started, and requeued", async () => {
  const { processor, requests, consumer, held } = await started();
  const ref = requests.queue();
  const release = requests.hold("claim");
  void consumer.deliver([wakeUp(ref)]);
  await turns();
  const stopping = processor.stop();
  release();
  await stopping;
  expect(held.runs).toHaveLength(0);
  expect(requests.get(ref)).toMatchObject({ status: "queued", lost: 0 });
});

test("a stop with unreported outcomes ends in time while requests-service refuses calls", async () => {
  const { requests, consumer, publisher, held } = await started();
  await consumer.deliver([wakeUp(requests.queue()), wakeUp(requests.queue())]);
  await eventually(() => held.active.length === 2, "they run");
  requests.isAway = true;
  held.end();
  await turns();
  expect(await stopped()).toBeLessThan(10_000);
  expect(publisher.isClosed).toBe(true);
  // Nothing goes on after it.
  expect(among.time.timers).toBe(0);
  const calls = requests.calls.length;
  requests.isAway = false;
  await among.time.advance(10_000);
  expect(requests.calls).toHaveLength(calls);
});

test("a stop ends in time while requests-service hangs", async () => {
  const { requests, consumer, held } = await started();
  await consumer.deliver([wakeUp(requests.queue())]);
  await eventually(() => held.active.length === 1, "it runs");
  const releases = (["heartbeat", "finish", "endWorker", "claimAny"] as const).map(requests.hold);
  held.end();
  await turns();
  expect(await stopped()).toBeLessThan(10_000);
  for (const release of releases) release();
});

test("stop before start, stop twice and start after stop are safe", async () => {
  among = processorAmongFakes();
  const { processor, requests, consumer, publisher } = among;
  await Promise.all([processor.stop(), processor.stop()]);
  await processor.stop();
  await processor.start();
  expect(publisher.isClosed).toBe(true);
  expect(consumer.isJoined).toBe(false);
  expect(requests.calls).toEqual([]);
});

test("a stop ends a start that waits for dependencies", async () => {
  among = processorAmongFakes();
  const { processor, requests, publisher, consumer } = among;
  requests.isAway = true;
  publisher.isAway = true;
  const starting = processor.start();
  await eventually(async () => (await processor.notReadyReasons()).length === 3, "it waits for both");
  expect(await stopped()).toBeLessThan(10_000);
  await starting;
  expect(consumer.isJoined).toBe(false);
});

import { afterEach, expect, test } from "bun:test";
import { eventually, turns } from "./eventually.ts";
import { wakeUp } from "./fakes/broker.ts";
import { endAll, processorAmongFakes, startedAmongFakes } from "./fakes/processor.ts";

afterEach(endAll);

test("an idle processor stops at once: not ready, out of the group, its worker ended, everything closed", async () => {
  const { processor, processors, requests, consumer, publisher } = await startedAmongFakes();
  const stopping = processor.stop();
  expect(await processor.notReadyReasons()).toEqual(["It is stopping."]);
  await stopping;
  expect(consumer.isStopped).toBe(true);
  expect(publisher.isClosed).toBe(true);
  expect(processors.isClosed).toBe(true);
  expect(requests.workers.size).toBe(0);
});

test("runs that end in time are reported and published", async () => {
  const { processor, requests, consumer, publisher, held, time, running } = await startedAmongFakes();
  const ref = await running();
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

test.each([true, false])(
  "runs that do not end in time are aborted and requeued, not counted as lost; the handler listens to its signal: %p",
  async (listens) => {
    const { requests, held, count, running, stopped } = await startedAmongFakes({ listens });
    const ref = await running();
    expect(await stopped()).toBeLessThan(10_000);
    expect(held.runs[0]?.signal.reason).toMatchObject({ why: "stopping" });
    expect(requests.get(ref)).toMatchObject({ status: "queued", epoch: 1, lost: 0 });
    expect(requests.get(ref).outcome).toBeUndefined();
    expect(count("finish_calls")).toBe(0);
  },
);

test("runs are requeued only after everything that their processors started has ended", async () => {
  const { requests, processors, count, running, stopped } = await startedAmongFakes({ listens: false });
  const ref = await running();
  let statusAtClose = "";
  processors.close = async () => {
    await turns();
    statusAtClose = requests.get(ref).status;
  };
  expect(await stopped()).toBeLessThan(10_000);
  expect(statusAtClose).toBe("running");
  expect(requests.get(ref)).toMatchObject({ status: "queued", lost: 0 });
  expect(count("runs_abandoned")).toBe(1);
});

test("a processor that does not end leaves its runs to the sweepers, which wait for the lease", async () => {
  const { requests, processors, running, stopped } = await startedAmongFakes({ listens: false });
  const ref = await running();
  processors.close = () => new Promise(() => {});
  expect(await stopped()).toBeLessThan(10_000);
  expect(requests.get(ref).status).toBe("running");
  expect(requests.calls).not.toContain("endWorker");
});

test("heartbeats go on while runs may still end", async () => {
  const { processor, held, count, running } = await startedAmongFakes({ config: { leaseMs: 1_000 } });
  await running();
  const stopping = processor.stop();
  const before = count("heartbeats");
  await eventually(() => count("heartbeats") >= before + 3, "heartbeats");
  held.end();
  await stopping;
});

test("runs of a claim under way are not started, and requeued", async () => {
  const { processor, requests, consumer, held } = await startedAmongFakes();
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
  const { requests, publisher, held, time, running, stopped } = await startedAmongFakes();
  await Promise.all([running(), running()]);
  requests.isAway = true;
  held.end();
  await turns();
  expect(await stopped()).toBeLessThan(10_000);
  expect(publisher.isClosed).toBe(true);
  // Nothing goes on after it.
  expect(time.timers).toBe(0);
  const calls = requests.calls.length;
  requests.isAway = false;
  await time.advance(10_000);
  expect(requests.calls).toHaveLength(calls);
});

test("a stop ends in time while requests-service hangs", async () => {
  const { requests, held, running, stopped } = await startedAmongFakes();
  await running();
  const releases = (["heartbeat", "finish", "endWorker", "claimAny"] as const).map(requests.hold);
  held.end();
  await turns();
  expect(await stopped()).toBeLessThan(10_000);
  for (const release of releases) release();
});

test("stop before start, stop twice and start after stop are safe", async () => {
  const { processor, requests, consumer, publisher } = processorAmongFakes();
  await Promise.all([processor.stop(), processor.stop()]);
  await processor.stop();
  await processor.start();
  expect(publisher.isClosed).toBe(true);
  expect(consumer.isJoined).toBe(false);
  expect(requests.calls).toEqual([]);
});

test("a stop ends a start that waits for dependencies", async () => {
  const { processor, requests, publisher, consumer, stopped } = processorAmongFakes();
  requests.isAway = true;
  publisher.isAway = true;
  const starting = processor.start();
  await eventually(async () => (await processor.notReadyReasons()).length === 3, "it waits for both");
  expect(await stopped()).toBeLessThan(10_000);
  await starting;
  expect(consumer.isJoined).toBe(false);
});

import { afterEach, expect, test } from "bun:test";
import { eventually, turns } from "../eventually.ts";
import { wakeUp } from "../fakes/broker.ts";
import { heldHandler, pong } from "../fakes/handlers.ts";
import { endAll, startedAmongFakes } from "../fakes/processor.ts";
import type { Served } from "../fakes/processors.ts";

afterEach(endAll);

/** A started processor service with these processors; `queue` queues an execution, and `deliver` its wake-up too. */
async function serving(served: Served, config = {}) {
  const among = await startedAmongFakes({ served, config });
  const queue = (processor: string) => ({ ...among.requests.queue({ processor }), processor });
  const deliver = async (...names: string[]) => {
    const refs = names.map(queue);
    await among.consumer.deliver(refs.map(wakeUp));
    return refs;
  };
  return { ...among, queue, deliver };
}

test("a wake-up for a processor that is not served is skipped, committed, and neither claimed nor failed", async () => {
  const { requests, consumer, deliver, count } = await serving({ a: pong });
  const [foreign, own] = await deliver("foreign", "a");
  await eventually(() => requests.get(own as never).status === "succeeded", "the own one runs");
  expect(consumer.committed).toHaveLength(2);
  expect(count("wake_ups_skipped")).toBe(1);
  expect(requests.get(foreign as never)).toMatchObject({ status: "queued", epoch: 0 });
});

test("a poll finds executions of the processors that are served, and no others", async () => {
  const { requests, queue, time } = await serving({ a: pong });
  const [foreign, own] = [queue("foreign"), queue("a")];
  await time.advance(1_000);
  await eventually(() => requests.get(own).status === "succeeded", "the own one runs");
  expect(requests.get(foreign)).toMatchObject({ status: "queued", epoch: 0 });
});

test("a wake-up that names no processor causes a poll at once", async () => {
  const { requests, queue, consumer, count } = await serving({ a: pong });
  const [one, another] = [queue("a"), queue("a")];
  await consumer.deliver([wakeUp({ ...one, processor: undefined } as never)]);
  // Time stands still.
  await eventually(() => requests.all().every(({ status }) => status === "succeeded"), "both run");
  expect(count("claims")).toBe(0);
  expect(requests.get(another).epoch).toBe(1);
});

test("a processor does not exceed its concurrency, and its backlog does not delay another processor", async () => {
  const [slow, quick] = [heldHandler(), heldHandler()];
  const slowOne = { handler: slow.handler, announces: { concurrency: 2 } };
  const { deliver } = await serving({ slow: slowOne, quick: quick.handler }, { concurrency: 4 });
  await deliver(...Array<string>(100).fill("slow"), "quick", "quick");
  await eventually(() => quick.active.length === 2, "the others run");
  expect(slow.active).toHaveLength(2);
  // Time stands still: a free slot is filled at once, by a wake-up of the same processor if need be.
  for (let ended = 1; ended <= 98; ended++) {
    slow.end();
    await eventually(() => slow.runs.length === ended + 2, "the slot is filled");
  }
  expect(slow.mostAtOnce).toBe(2);
  for (const held of [slow, quick]) held.endAll();
});

test("executions of a full processor without wake-ups are polled for as soon as it has room", async () => {
  const held = heldHandler();
  const { queue, time } = await serving({ a: { handler: held.handler, announces: { concurrency: 2 } } });
  for (let left = 10; left > 0; left--) queue("a");
  await time.advance(1_000);
  // From now on time stands still.
  for (let ended = 0; ended < 10; ended++) {
    await eventually(() => held.runs.length === Math.min(ended + 2, 10), "the slot is filled");
    held.end();
  }
});

test("a processor's starts per minute are limited and spread out, and another processor is not delayed", async () => {
  const rare = { handler: pong, announces: { max_per_minute: 6 } };
  const { requests, deliver, consumer, time } = await serving({ rare, often: pong });
  await deliver(...Array<string>(8).fill("rare"), ...Array<string>(20).fill("often"));
  const ended = (name: string) =>
    requests.all().filter(({ processor, status }) => processor === name && status === "succeeded").length;
  await eventually(() => ended("often") === 20, "the others run");
  expect(ended("rare")).toBe(1);
  for (let second = 1; second < 60; second++) {
    await time.advance(1_000);
    await consumer.deliver([]); // it looks for a reason
    await turns();
  }
  expect(ended("rare")).toBe(6);
});

test("the processors are announced with the worker's name, and again when they change", async () => {
  const { requests, processors, deliver } = await serving({
    a: { handler: pong, announces: { version: "1" } },
  });
  const announced = () => [...requests.announced.values()].flat().map(({ name, version }) => [name, version]);
  expect(announced()).toEqual([["a", "1"]]);
  requests.loseResponses("registerWorker", 1);
  processors.serve({ a: { handler: pong, announces: { version: "2" } }, b: pong });
  await eventually(() => announced().length === 2, "they are announced");
  expect(announced()).toEqual([
    ["a", "2"],
    ["b", undefined],
  ]);
  expect(requests.workers.size).toBe(1);
  const [b] = await deliver("b");
  await eventually(() => requests.get(b as never).status === "succeeded", "the new one runs");
});

test("an announcement without a response is retried by the same worker with the next heartbeat", async () => {
  const { requests, processors, beaten } = await serving({ a: pong }, { leaseMs: 2_000 });
  requests.isAway = true;
  processors.serve({ a: pong, b: pong });
  await turns();
  requests.isAway = false;
  await beaten(2);
  expect([...requests.announced.values()].flat().map(({ name }) => name)).toEqual(["a", "b"]);
  expect(requests.workers.size).toBe(1);
});

test("a group that serves different processors is warned about once, and again only when the difference changes", async () => {
  const { requests, processors, lines } = await serving({ a: pong }, { group: "gpu" });
  const warnings = () =>
    lines.filter((line) => line.includes("PROCESSOR_GROUP")).map((line) => JSON.parse(line));
  const calls = () => requests.calls.filter((name) => name === "registerWorker").length;
  const announceAgain = async (differing: string[]) => {
    const before = calls();
    requests.groupDiffers = differing;
    processors.serve({ a: pong });
    await eventually(() => calls() > before, "they are announced");
    await turns();
  };
  await announceAgain([]);
  expect(warnings()).toEqual([]);
  for (const differing of [["b"], ["b"], ["b", "c"], [], ["b", "c"]]) await announceAgain(differing);
  expect(warnings()).toMatchObject(
    ["b", "b c", "b c"].map((processors) => ({ level: "warn", group: "gpu", processors })),
  );
});

test("a claimed run whose processor has just been unloaded is handed back, and counts neither as lost nor failed", async () => {
  const { requests, processors, consumer, queue, count } = await serving({ a: pong, b: pong });
  const ref = queue("a");
  const release = requests.holdResponses("claim");
  void consumer.deliver([wakeUp(ref)]);
  await eventually(() => requests.get(ref).status === "running", "it is claimed");
  processors.serve({ b: pong });
  release();
  await eventually(() => requests.get(ref).status === "queued", "it is handed back");
  expect(requests.get(ref)).toMatchObject({ epoch: 1, lost: 0 });
  expect(count("runs_started")).toBe(0);
  // It runs once its processor is back.
  processors.serve({ a: pong });
  await eventually(() => requests.get(ref).status === "succeeded", "it runs");
});

test("a run keeps the processor with which it started", async () => {
  const held = heldHandler();
  const { requests, processors, deliver } = await serving({
    a: { handler: held.handler, announces: { version: "1" } },
  });
  const [ref] = await deliver("a");
  await eventually(() => held.active.length === 1, "it runs");
  processors.serve({ a: { handler: pong, announces: { version: "2" } } });
  held.end();
  await eventually(() => requests.get(ref as never).status === "succeeded", "it ends");
  expect(requests.get(ref as never).outcome).toMatchObject({ processor_version: "1" });
});

const delivery = {
  processor: "sate:webhook",
  payload_json: '{"webhook_id":"deleted","message":{}}',
};

test("deliveries run while all slots that processors share are taken", async () => {
  const held = heldHandler();
  const { requests, consumer, deliver } = await serving({ a: held.handler }, { concurrency: 1 });
  await deliver("a");
  await eventually(() => held.active.length === 1, "the only slot is taken");
  const ref = { ...requests.queue(delivery), processor: delivery.processor };
  await consumer.deliver([wakeUp(ref)]);
  await eventually(() => requests.get(ref).status === "failed", "the delivery has ended");
  expect(held.active).toHaveLength(1);
});

test("deliveries that wait take no slot of other processors, and no more than their own", async () => {
  const { requests, consumer, deliver, count } = await serving({ a: pong }, { concurrency: 2 });
  const release = requests.hold("deliveryTarget");
  const refs = Array.from({ length: 40 }, () => ({
    ...requests.queue(delivery),
    processor: delivery.processor,
  }));
  await consumer.deliver(refs.map(wakeUp));
  await eventually(
    () => requests.all().filter(({ status }) => status === "running").length === 32,
    "its slots are taken",
  );
  const own = await deliver("a", "a", "a", "a");
  await eventually(() => own.every((ref) => requests.get(ref).status === "succeeded"), "the others run");
  expect(count("runs_started")).toBe(36);
  release();
  await eventually(
    () => refs.every((ref) => requests.get(ref).status === "failed"),
    "all deliveries have ended",
  );
});

test("deliveries are not announced", async () => {
  const { requests } = await serving({ a: pong });
  const names = [...requests.announced.values()].flat().map(({ name }) => name);
  expect(names).toEqual(["a"]);
});

import { expect, test } from "bun:test";
import { defaultProcessor } from "@sate/contracts";
import { madeExecution, madeRequest, newId } from "../builders.ts";
import { beforeNext, type Core, testCore } from "../core.ts";

const never = new AbortController().signal;
const withdraw = ({ commands }: Core, name = "p") => commands.withdrawProcessor({ name });

/** The processor `p` was announced by a worker that has ended. */
async function given() {
  const it = testCore({ knowsAnnounced: true });
  await it.commands.endWorker({ worker_id: await it.worker("p", "other") });
  const queued = async (processor = "p") => it.execution((await it.request({ processor })).id);
  const statusOf = async (key: { request_id: string; attempt: number }) => (await it.stored(key)).status;
  return { ...it, queued, statusOf };
}

test("executions that wait for a withdrawn processor fail, including scheduled ones and retries; others stay queued", async () => {
  const it = await given();
  const worker_id = await it.worker("p");
  const run = await it.run(worker_id, await it.queued());
  const error = { code: "e", message: "m" };
  await it.commands.retryLater({ runs: [{ ...run, delay_ms: 60_000, error }] });
  await it.commands.endWorker({ worker_id });
  const scheduled = await it.execution((await it.request({ processor: "p" })).id, {
    start_after: it.time.now + 60_000,
  });
  const queued = await it.queued();
  const [other, simulated] = [await it.queued("other"), await it.execution()];

  expect(await withdraw(it)).toEqual({ kind: "withdrawn" });
  const withdrawn = { status: "failed", error: { code: "processor_withdrawn" } };
  expect((await it.stored(run)).outcome).toMatchObject({ ...withdrawn, tries: 1 });
  for (const key of [queued, scheduled]) {
    const { outcome, wake_at, start_after } = await it.stored(key);
    expect(outcome).toMatchObject(withdrawn);
    expect([outcome?.tries, wake_at, start_after]).toEqual([undefined, undefined, undefined]);
  }
  for (const key of [other, simulated]) expect((await it.stored(key)).status).toBe("queued");
  await it.outbox.flush();
  const published = it.publisher.records.filter(({ topic }) => topic === "failed_executions");
  expect(published).toHaveLength(3);
  // A repetition finds nothing more.
  expect(await withdraw(it)).toEqual({ kind: "withdrawn" });
  expect(it.counters.read().executions_withdrawn).toBe(3);
});

test("a processor that a live worker serves is not withdrawn, and neither is the simulation", async () => {
  const it = await given();
  const execution = await it.queued();
  const worker_id = await it.worker("p");
  expect(await withdraw(it)).toEqual({ kind: "served" });
  expect(await withdraw(it, defaultProcessor)).toEqual({ kind: "served" });
  await it.withdrawals.sweep(never);
  expect(await it.statusOf(execution)).toBe("queued");
  await it.store.workers.expire(worker_id);
  expect(await withdraw(it)).toEqual({ kind: "withdrawn" });
  expect(await it.statusOf(execution)).toBe("failed");
});

test("a withdrawal does not end a running execution; if its worker is lost, the next sweep ends it", async () => {
  const it = await given();
  const worker_id = await it.worker("p");
  const run = await it.run(worker_id, await it.queued());
  await it.commands.registerWorker({ worker_id, processors: [] });
  expect(await withdraw(it)).toEqual({ kind: "withdrawn" });
  expect(await it.statusOf(run)).toBe("running");
  await it.store.workers.expire(worker_id);
  await it.sweep();
  await it.withdrawals.sweep(never);
  expect(await it.statusOf(run)).toBe("failed");
});

test("an execution that was created while its processor was withdrawn is ended by a sweep", async () => {
  const it = await given();
  // Admission has seen the processor, and writes after everything was ended.
  beforeNext(it.store.executions, "insert", async () => void (await withdraw(it)));
  const { request_id, attempt } = await it.queued();
  expect(await it.statusOf({ request_id, attempt })).toBe("queued");
  await it.withdrawals.sweep(never);
  expect(await it.statusOf({ request_id, attempt })).toBe("failed");
});

test("a sweep completes a withdrawal whose process died before it ended any execution", async () => {
  const it = await given();
  const execution = await it.queued();
  beforeNext(it.store.waiting, "end", () => Promise.reject(new Error("killed")));
  await expect(withdraw(it)).rejects.toThrow("killed");
  expect(await it.statusOf(execution)).toBe("queued");
  await it.withdrawals.sweep(never);
  expect(await it.statusOf(execution)).toBe("failed");
});

test("a worker that announces the processor again ends its withdrawal", async () => {
  const it = await given();
  await withdraw(it);
  await it.worker("p");
  const execution = await it.queued();
  await it.withdrawals.sweep(never);
  expect(await it.statusOf(execution)).toBe("queued");
});

/** A worker registers while another call withdraws: before each of the withdrawal's steps, and after all of them. */
const steps = [
  ["workers", "list", 1],
  ["processors", "withdraw", 1],
  ["workers", "list", 2],
  ["processors", "restore", 1],
  ["processors", "queued", 1],
  ["processors", "list", 2],
  ["waiting", "end", 1],
] as const;
test.each(steps)(
  "a worker that registers before call %s.%s (%d) of a withdrawal serves the processor afterwards",
  async (part, name, nth) => {
    const it = await given();
    const before = await it.queued();
    const registered: Promise<string>[] = [];
    const register = async () => void registered.push(it.worker("p"));
    const arm = (left: number): void =>
      beforeNext(it.store[part] as never, name as never, async () => {
        if (left > 1) arm(left - 1);
        else await register().then(() => registered[0]);
      });
    arm(nth);
    await withdraw(it);
    if (registered.length === 0) await register();
    await Promise.all(registered);
    const after = await it.queued();
    await it.withdrawals.sweep(never);
    expect(await it.statusOf(after)).toBe("queued");
    const answer = await it.commands.getProcessor({ name: "p" });
    expect(answer).toMatchObject({ kind: "found", processor: { workers: [{}] } });
    // What waited before may have ended, but whatever is still queued can be run.
    expect(["queued", "failed"]).toContain(await it.statusOf(before));
  },
);

test("a withdrawal in progress does not end an execution that is created after a new announcement", async () => {
  const it = await given();
  await it.queued();
  const later: { request_id: string; attempt: number }[] = [];
  // The page is read after it was created, and the withdrawal is looked at after the page.
  beforeNext(it.store.processors, "queued", async () => {
    await it.worker("p");
    later.push(await it.queued());
  });
  expect(await withdraw(it)).toEqual({ kind: "withdrawn" });
  expect(await Promise.all(later.map(it.statusOf))).toEqual(["queued"]);
});

test("a withdrawal left standing while a worker serves its processor is ended by a sweep", async () => {
  const it = await given();
  await it.store.processors.withdraw("p");
  await it.store.workers.register({ id: newId(), processors: ["p"] });
  const request = madeRequest({ processor: "p" });
  await it.store.requests.insert([request]);
  const execution = madeExecution({ request_id: request.id, processor: "p" });
  await it.store.executions.insert([execution]);
  await it.withdrawals.sweep(never);
  expect(await it.statusOf(execution)).toBe("queued");
  expect((await it.commands.getProcessor({ name: "p" })).kind).toBe("found");
});

test("all waiting executions are ended, in bounded pages, by several processes at once", async () => {
  const it = await given();
  const requests = Array.from({ length: 450 }, () => madeRequest({ processor: "p" }));
  await it.store.requests.insert(requests);
  const executions = requests.map(({ id }) => madeExecution({ request_id: id, processor: "p" }));
  await it.store.executions.insert(executions);
  const pages: number[] = [];
  const { queued } = it.store.processors;
  it.store.processors.queued = async (...wanted) => {
    const found = await queued(...wanted);
    pages.push(found.length);
    return found;
  };
  const sweeps = Array.from({ length: 4 }, () => it.withdrawals.sweep(never));
  await Promise.all([withdraw(it), ...sweeps]);
  expect(Math.max(...pages)).toBeLessThanOrEqual(200);
  const stored = await it.store.executions.get(executions);
  expect(stored.filter(({ status }) => status === "failed")).toHaveLength(450);
  expect(it.counters.read().executions_withdrawn).toBe(450);
});

test("a stop ends a sweep after its current page; the next sweep continues", async () => {
  const it = await given();
  const requests = Array.from({ length: 250 }, () => madeRequest({ processor: "p" }));
  await it.store.requests.insert(requests);
  const executions = requests.map(({ id }) => madeExecution({ request_id: id, processor: "p" }));
  await it.store.executions.insert(executions);
  await it.store.processors.withdraw("p");
  await it.withdrawals.sweep(AbortSignal.abort());
  expect(await it.store.processors.queued(["p"], 1_000)).toHaveLength(50);
  await it.withdrawals.sweep(never);
  expect(await it.store.processors.queued(["p"], 1_000)).toEqual([]);
});

test("a sweep costs one read while nothing is withdrawn", async () => {
  const it = await given();
  it.store.workers.list = () => Promise.reject(new Error("the workers were read"));
  it.store.processors.queued = () => Promise.reject(new Error("the queue was read"));
  await it.withdrawals.sweep(never);
});

test("a withdrawn processor is forgotten after an hour, unless it was announced again", async () => {
  const it = await given();
  await withdraw(it);
  await withdraw(it, "other");
  await it.worker("other");
  it.time.now += 3_600_000;
  await it.withdrawals.sweep(never);
  expect(await it.store.processors.get(["p"])).toHaveLength(1);
  it.time.now += 1;
  await it.withdrawals.sweep(never);
  expect(await it.store.processors.get(["p", "other"])).toMatchObject([{ announcement: { name: "other" } }]);
  expect((await withdraw(it)).kind).toBe("unknown_processor");
});

import { describe, expect, test } from "bun:test";
import { defaultTimeoutSeconds, limits, type ProcessorAnnouncement } from "@sate/contracts";
import { newId } from "../builders.ts";
import { type Core, testCore } from "../core.ts";

const announcementOf = (name: string, parts: Partial<ProcessorAnnouncement> = {}): ProcessorAnnouncement => {
  return { name, kind: "command", timeout_seconds: 60, ...parts };
};
const register = ({ commands }: Core, worker_id: string, ...processors: ProcessorAnnouncement[]) =>
  commands.registerWorker({ worker_id, name: `name of ${worker_id}`, processors });
async function found({ commands }: Core, name: string) {
  const answer = await commands.getProcessor({ name });
  if (answer.kind !== "found") throw new Error(`it is unknown: ${answer.known}`);
  return answer.processor;
}
const builtIn = { name: "simulate", kind: "simulation", timeout_seconds: defaultTimeoutSeconds };

describe("announcements", () => {
  test("return the latest announcement of any worker, with the workers that serve the processor", async () => {
    const it = testCore();
    const [first, second] = [newId(), newId()];
    const input_json = '{"type":"object"}';
    const b = announcementOf("b", {
      input_json,
      version: "1",
      retry: { tries: 2, first_seconds: 1, max_seconds: 2 },
    });
    expect(await register(it, first, b, announcementOf("a"))).toEqual({ lease_seconds: 30 });
    const earlier = it.time.now;
    it.time.now += 1_000;
    const newer = announcementOf("b", { version: "2" });
    await register(it, second, newer);

    const workerOf = (id: string, seen_at: number) => ({ id, name: `name of ${id}`, seen_at });
    const one = workerOf(first, earlier);
    const two = workerOf(second, it.time.now);
    const processors = [
      { ...announcementOf("a"), announced_at: earlier, workers: [one] },
      { ...newer, announced_at: it.time.now, workers: [one, two] },
      { ...builtIn, announced_at: 0, workers: [] },
    ];
    expect(await it.commands.listProcessors({})).toEqual({ processors } as never);
    for (const processor of processors) {
      expect(await it.commands.getProcessor({ name: processor.name })).toEqual({
        kind: "found",
        processor,
      } as never);
    }
    await register(it, first, b);
    expect((await found(it, "b")).input_json).toBe(input_json);
    expect((await it.commands.listProcessors({})).processors[1]?.input_json).toBe(input_json);
    const { processors: plain } = await it.commands.listProcessors({ without_inputs: true });
    expect(plain[1]).toMatchObject({ name: "b", version: "1" });
    expect(plain[1]?.input_json).toBeUndefined();
  });

  test("outlive their worker, and heartbeats update when it was last seen", async () => {
    const it = testCore();
    const worker_id = newId();
    await register(it, worker_id, announcementOf("a"));
    it.time.now += 5;
    await it.commands.heartbeat({ worker_id });
    expect((await found(it, "a")).workers).toMatchObject([{ id: worker_id, seen_at: it.time.now }]);
    await it.store.workers.expire(worker_id);
    expect(await found(it, "a")).toMatchObject({ name: "a", workers: [] });
    // Its registration comes too late.
    await register(it, worker_id, announcementOf("a", { version: "late" }), announcementOf("late"));
    expect((await found(it, "a")).version).toBeUndefined();
    expect((await it.commands.getProcessor({ name: "late" })).kind).toBe("unknown_processor");
  });

  test("stay when a worker registers without them, and the worker no longer serves them", async () => {
    const it = testCore();
    const worker_id = newId();
    await register(it, worker_id, announcementOf("a"), announcementOf("b"));
    await register(it, worker_id, announcementOf("b"));
    expect((await found(it, "a")).workers).toEqual([]);
    expect((await found(it, "b")).workers).toHaveLength(1);
  });

  test("list each of 120 workers once, even if it names the processor twice", async () => {
    const it = testCore();
    const ids = Array.from({ length: 120 }, newId);
    for (const id of ids) await register(it, id, announcementOf("a"), announcementOf("a"));
    expect((await found(it, "a")).workers.map(({ id }) => id)).toEqual(ids);
  });

  test("reading or withdrawing an unknown name returns the known names", async () => {
    const it = testCore();
    await register(it, newId(), announcementOf("b"), announcementOf("a"));
    const known = ["a", "b", "simulate"];
    for (const name of ["c", "", "__proto__", "$where"]) {
      expect(await it.commands.getProcessor({ name })).toEqual({ kind: "unknown_processor", known });
      expect(await it.commands.withdrawProcessor({ name })).toEqual({ kind: "unknown_processor", known });
    }
  });

  test("beyond limits.processorsMax are refused, logged and counted; the worker's other processors become known", async () => {
    const it = testCore();
    const perWorker = limits.workerProcessorsMax;
    for (let first = 0; first < limits.processorsMax - 2; first += perWorker) {
      const count = Math.min(perWorker, limits.processorsMax - 2 - first);
      const batch = Array.from({ length: count }, (_, index) => announcementOf(`p${first + index}`));
      expect(await register(it, newId(), ...batch)).toEqual({ lease_seconds: 30 });
    }
    const worker = newId();
    const answer = await register(
      it,
      worker,
      announcementOf("last"),
      announcementOf("beyond"),
      announcementOf("p0"),
    );
    expect(answer).toEqual({ lease_seconds: 30, refused: ["beyond"] });
    expect(it.log.said).toEqual(["warn: too many processors are known: announcements were refused"]);
    expect(it.counters.read().announcements_refused).toBe(1);
    expect((await found(it, "last")).workers).toHaveLength(1);
    expect((await it.commands.getProcessor({ name: "beyond" })).kind).toBe("unknown_processor");
    expect((await it.commands.listProcessors({})).processors).toHaveLength(limits.processorsMax);
  });
});

describe("admission", () => {
  test("accepts announced processors only, whether or not a worker serves them", async () => {
    const it = testCore({ knowsAnnounced: true });
    const create = async (processor?: string) => {
      const { id } = await it.request(processor === undefined ? {} : { processor });
      const wanted = { id: newId(), request_id: id, force_error: false, max_failures: 3 };
      return (await it.commands.createExecutions({ executions: [wanted] })).answers[0];
    };
    expect(await create()).toMatchObject({ kind: "created", execution: { processor: "simulate" } });
    expect(await create("a")).toEqual({ kind: "unknown_processor", known: ["simulate"] });
    const worker_id = newId();
    await register(it, worker_id, announcementOf("a"));
    expect(await create("a")).toMatchObject({ kind: "created", execution: { processor: "a" } });
    await it.commands.endWorker({ worker_id });
    expect(await create("a")).toMatchObject({ kind: "created" });
    expect(await it.commands.withdrawProcessor({ name: "a" })).toEqual({ kind: "withdrawn" });
    expect(await create("a")).toEqual({ kind: "unknown_processor", known: ["simulate"] });
    await register(it, newId(), announcementOf("a"));
    expect(await create("a")).toMatchObject({ kind: "created" });
  });
});

import { describe, expect, test } from "bun:test";
import type { Progress } from "@sate/contracts";
import { pagesOf } from "../../../src/pages.ts";
import type { Worker } from "../../../src/ports.ts";
import { madeExecution, newId, runOf } from "../../builders.ts";
import type { Given } from "./given.ts";

export function workersConformance(given: Given): void {
  async function registered(parts: Partial<Worker> = {}): Promise<string> {
    const worker = { id: newId(), processors: [], ...parts };
    expect(await given.store.workers.register(worker)).toBe(true);
    return worker.id;
  }
  async function stored(id: string): Promise<Worker> {
    return (await given.store.workers.get([id, newId()]))[0] as Worker;
  }

  describe("workers", () => {
    test("register, beat, expire, forget", async () => {
      const id = newId();
      expect(await given.store.workers.beat(id)).toBe(false);
      await registered({ id });
      expect(await given.store.workers.beat(id)).toBe(true);
      await given.other.workers.register({ id, processors: [] });
      expect(await stored(id)).toMatchObject({ id, beats: 1, given_up: false });

      await given.store.workers.forget([id]);
      expect(await given.store.workers.beat(id)).toBe(true);
      expect(await given.store.workers.expire(id, 1)).toBe(false);
      expect(await given.store.workers.beat(id)).toBe(true);
      expect(await given.store.workers.expire(id, 3)).toBe(true);
      expect(await given.store.workers.expire(id, 1)).toBe(true);
      expect(await given.store.workers.beat(id)).toBe(false);
      expect(await given.store.workers.register({ id, processors: ["late"] })).toBe(false);
      expect(await stored(id)).toMatchObject({ id, beats: 3, given_up: true, processors: [] });

      await given.store.workers.forget([id, newId()]);
      expect(await given.store.workers.get([id])).toEqual([]);
      expect(await given.store.workers.expire(id, 3)).toBe(true);
      expect(await given.store.workers.expire(id)).toBe(true);

      await registered({ id });
      expect(await given.store.workers.expire(id)).toBe(true);
      expect(await given.store.workers.beat(id)).toBe(false);
    });

    test("have the name, group and processors of their latest registration", async () => {
      const first = { name: "gpu-1", group: "gpu", processors: ["word-count", "transcode"] };
      const id = await registered(first);
      expect(await stored(id)).toMatchObject(first);
      const last = { name: "gpu-2", group: "gpus", processors: ["transcode"] };
      expect(await given.other.workers.register({ id, ...last })).toBe(true);
      expect(await stored(id)).toMatchObject({ beats: 0, ...last });
      const listed = (await Array.fromAsync(pagesOf(given.store.workers.list, 500))).flat();
      expect(listed.find((worker) => worker.id === id)).toMatchObject(last);
      const unnamed = await stored(await registered());
      expect([unnamed.name, unnamed.group, unnamed.processors]).toEqual([undefined, undefined, []]);
    });

    test("registrations and heartbeats update when a worker was seen, by the store's clock", async () => {
      const before = given.store.now();
      const id = await registered();
      const { seen_at: first = 0 } = await stored(id);
      expect(first).toBeGreaterThanOrEqual(before);
      await given.store.workers.beat(id);
      const { seen_at: second = 0 } = await stored(id);
      expect(second).toBeGreaterThanOrEqual(first);
      expect(second).toBeLessThanOrEqual(given.store.now());
    });

    test("of a heartbeat and an expiry at the same instant exactly one happens", async () => {
      for (let round = 0; round < 20; round++) {
        const id = await registered();
        // Each is the first to be sent in every other round.
        const early = round % 2 ? given.other.workers.beat(id) : null;
        const givingUp = given.store.workers.expire(id, 0);
        const isAlive = await (early ?? given.other.workers.beat(id));
        const isGone = await givingUp;
        expect(isGone).toBe(!isAlive);
        expect(await stored(id)).toMatchObject({ beats: isAlive ? 1 : 0, given_up: isGone });
      }
    });

    test("of a registration and an expiry at the same instant, an expired worker serves nothing new", async () => {
      for (let round = 0; round < 20; round++) {
        const id = await registered();
        const early = round % 2 ? given.other.workers.register({ id, processors: ["p"] }) : null;
        const expired = given.store.workers.expire(id);
        const isStored = await (early ?? given.other.workers.register({ id, processors: ["p"] }));
        expect(await expired).toBe(true);
        expect(await stored(id)).toMatchObject({ given_up: true, processors: isStored ? ["p"] : [] });
      }
    });

    test("50 registrations of one worker at once leave one of them", async () => {
      const id = newId();
      const names = Array.from({ length: 50 }, (_, index) => `p-${index}`);
      const register = (name: string, index: number) =>
        given.either(index).workers.register({ id, name, processors: [name] });
      expect(await Promise.all(names.map(register))).toEqual(names.map(() => true));
      const { name = "", processors } = await stored(id);
      expect(names).toContain(name);
      expect(processors).toEqual([name]);
    });

    test("are listed by id, in pages", async () => {
      const ids = Array.from({ length: 5 }, newId).toSorted();
      for (const id of ids) await registered({ id });
      const pages = await Array.fromAsync(pagesOf(given.store.workers.list, 2));
      const seen = pages.flat().map(({ id }) => id);
      expect(seen.filter((id) => ids.includes(id))).toEqual(ids);
      expect(seen).toEqual(seen.toSorted());
    });
  });

  describe("the progress of runs", () => {
    test("is stored for runs that this worker still holds with this epoch; the last report counts", async () => {
      const worker = newId();
      const [a, b, other] = [
        await given.running(worker),
        await given.running(worker),
        await given.running(worker),
      ];
      const foreign = await given.running();
      const waiting = await given.one();
      const half: Progress = { fraction: 0.5, message: "half of it \u0000 \ud800 😀" };
      await given.store.workers.progress(
        [
          { ...runOf(a), progress: { fraction: 0.1 } },
          { ...runOf(b), progress: half },
          { ...runOf(other, 2), progress: half },
          { ...runOf(other), execution_id: newId(), progress: half },
          { ...runOf(waiting), progress: half },
          { ...runOf(madeExecution(), 1), progress: half },
          { ...runOf(foreign), progress: half },
        ],
        worker,
      );
      await given.other.workers.progress([{ ...runOf(a), progress: { fraction: 1 } }], worker);
      expect((await given.now(foreign)).progress).toBeUndefined();
      expect((await given.now(a)).progress).toEqual({ fraction: 1 });
      expect((await given.now(b)).progress).toEqual(half);
      expect((await given.now(other)).progress).toBeUndefined();
      expect((await given.now(waiting)).progress).toBeUndefined();
    });

    test("is cleared when its run ends, and cannot be stored after that", async () => {
      const worker = newId();
      const run = await given.running(worker);
      const report = { ...runOf(run), progress: { fraction: 0.5 } };
      await given.store.workers.progress([report], worker);
      await given.store.runs.requeue([runOf(run)], true);
      expect((await given.now(run)).progress).toBeUndefined();
      await given.store.workers.progress([report], worker);
      expect((await given.now(run)).progress).toBeUndefined();
    });
  });
}

import { describe, expect, test } from "bun:test";
import { pagesOf } from "../../../src/pages.ts";
import { newId } from "../../builders.ts";
import type { Given } from "./given.ts";

export function workersConformance(given: Given): void {
  describe("workers", () => {
    test("register, beat, expire, forget", async () => {
      const id = newId();
      expect(await given.store.workers.beat(id)).toBe(false);
      await given.store.workers.register(id);
      expect(await given.store.workers.beat(id)).toBe(true);
      await given.other.workers.register(id);
      expect(await given.store.workers.get([id, newId()])).toEqual([{ id, beats: 1, given_up: false }]);

      await given.store.workers.forget([id]);
      expect(await given.store.workers.beat(id)).toBe(true);
      expect(await given.store.workers.expire(id, 1)).toBe(false);
      expect(await given.store.workers.beat(id)).toBe(true);
      expect(await given.store.workers.expire(id, 3)).toBe(true);
      expect(await given.store.workers.expire(id, 1)).toBe(true);
      expect(await given.store.workers.beat(id)).toBe(false);
      await given.store.workers.register(id);
      expect(await given.other.workers.get([id])).toEqual([{ id, beats: 3, given_up: true }]);

      await given.store.workers.forget([id, newId()]);
      expect(await given.store.workers.get([id])).toEqual([]);
      expect(await given.store.workers.expire(id, 3)).toBe(true);
      expect(await given.store.workers.expire(id)).toBe(true);

      await given.store.workers.register(id);
      expect(await given.store.workers.expire(id)).toBe(true);
      expect(await given.store.workers.beat(id)).toBe(false);
    });

    test("of a heartbeat and an expiry at the same instant exactly one happens", async () => {
      for (let round = 0; round < 20; round++) {
        const id = newId();
        await given.store.workers.register(id);
        // Each is the first to be sent in every other round.
        const early = round % 2 ? given.other.workers.beat(id) : null;
        const givingUp = given.store.workers.expire(id, 0);
        const isAlive = await (early ?? given.other.workers.beat(id));
        const isGone = await givingUp;
        expect(isGone).toBe(!isAlive);
        expect(await given.store.workers.get([id])).toEqual([
          { id, beats: isAlive ? 1 : 0, given_up: isGone },
        ]);
      }
    });

    test("are listed by id, in pages", async () => {
      const ids = Array.from({ length: 5 }, newId).toSorted();
      for (const id of ids) await given.store.workers.register(id);
      const pages = await Array.fromAsync(pagesOf(given.store.workers.list, 2));
      const seen = pages.flat().map(({ id }) => id);
      expect(seen.filter((id) => ids.includes(id))).toEqual(ids);
      expect(seen).toEqual(seen.toSorted());
    });
  });
}

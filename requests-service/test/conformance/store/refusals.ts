import { describe, expect, test } from "bun:test";
import { pagesOf } from "../../../src/pages.ts";
import type { Refusal, Refusals } from "../../../src/ports.ts";
import { madeRefusal, newId } from "../../builders.ts";
import type { Given } from "./given.ts";

export function refusalsConformance(given: Given): void {
  describe("refusals", () => {
    const refusals = (): Refusals => given.store.refusals;

    /** All that is stored of these, walking pages of `limit`. */
    async function stored(wanted: Refusal[], limit = 1_000): Promise<Refusal[]> {
      const ids = new Set(wanted.map(({ id }) => id));
      const pages = await Array.fromAsync(pagesOf(given.other.refusals.list, limit));
      for (const page of pages) expect(page.length).toBeLessThanOrEqual(limit);
      return pages.flat().filter(({ id }) => ids.has(id));
    }
    const inOrder = (list: Refusal[]) =>
      list.toSorted((a, b) => (a.request_id + a.id < b.request_id + b.id ? -1 : 1));

    test("are returned as they were stored, with and without optional fields", async () => {
      const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
      const wanted = [madeRefusal(), madeRefusal({ force_error: true, failures: 5, traceparent })];
      await refusals().insert(wanted);
      expect(await stored(wanted)).toEqual(inOrder(wanted));
    });

    test("a repetition changes nothing, in the same batch too, and the others of the batch are stored", async () => {
      const first = madeRefusal({ failures: 3 });
      const another = madeRefusal();
      await refusals().insert([first]);
      await refusals().insert([{ ...first, failures: 9 }, another, another]);
      expect(await stored([first, another])).toEqual(inOrder([first, another]));
    });

    test("pages are in the order of the requests, then of the attempts, and repeat and miss none", async () => {
      const requests = Array.from({ length: 3 }, newId);
      const wanted = Array.from({ length: 12 }, (_, index) =>
        madeRefusal({ request_id: requests[index % 3] as string }),
      );
      await refusals().insert(wanted.toReversed());
      for (const limit of [1, 5, 1_000]) expect(await stored(wanted, limit)).toEqual(inOrder(wanted));
    });

    test("exactly those that are named are deleted, and a repetition does nothing", async () => {
      const request_id = newId();
      const wanted = Array.from({ length: 4 }, () => madeRefusal({ request_id }));
      await refusals().insert(wanted);
      for (let time = 0; time < 2; time++) {
        await refusals().remove([...wanted.slice(1, 3), madeRefusal()]);
        expect(await stored(wanted)).toEqual(inOrder([wanted[0], wanted[3]] as Refusal[]));
      }
      // The same attempt of another request is a different key.
      await refusals().remove([{ request_id: newId(), id: (wanted[0] as Refusal).id }]);
      expect(await stored(wanted)).toHaveLength(2);
    });

    test("50 callers that store the same all succeed, and it is stored once", async () => {
      const refusal = madeRefusal();
      await Promise.all(
        Array.from({ length: 50 }, (_, index) => given.either(index).refusals.insert([refusal])),
      );
      expect(await stored([refusal])).toEqual([refusal]);
    });
  });
}

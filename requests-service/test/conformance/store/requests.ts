import { describe, expect, test } from "bun:test";
import { limits } from "@sate/contracts";
import { madeRequest, newId } from "../../builders.ts";
import type { Given } from "./given.ts";

export function requestsConformance(given: Given): void {
  describe("requests", () => {
    test("are read by id up to a number of bytes, at least one", async () => {
      const payload_json = `"${"ä".repeat(499)}"`; // 1,000 bytes
      const ids = Array.from({ length: 5 }, newId).toSorted();
      const requests = ids.map((id) => madeRequest({ id, payload_json }));
      await given.store.requests.insert(requests);
      const within = async (bytesMax: number, asked = ids.toReversed()) => {
        const { found, isCut } = await given.other.requests.getWithin(asked, bytesMax);
        expect([...found.values()].every((one) => one.payload_json === payload_json)).toBe(true);
        return { found: [...found.keys()], isCut };
      };
      expect(await within(5_000)).toEqual({ found: ids, isCut: false });
      const cut = { found: ids.slice(0, 3), isCut: true };
      expect([await within(3_999), await within(3_000)]).toEqual([cut, cut]);
      expect(await within(1)).toEqual({ found: ids.slice(0, 1), isCut: true });
      const [last = ""] = ids.slice(4);
      expect(await within(1, [newId(), last, last, newId()])).toEqual({ found: [last], isCut: false });
    });

    test("are kept byte for byte, whatever the payload", async () => {
      const payloads = [
        '{"n":1e400,"big":9007199254740993,"zero":-0}',
        '"\\ud800"',
        '{"__proto__":{"admin":true},"constructor":1,"$where":"x","a.b":1,"":2}',
        '{"2":1,"1":2,"b":3,"a":4, "b" : 5}',
        '"\\u0000 \u2028 \u{1f600} é"',
        "null",
        `"${"x".repeat(limits.bodyBytesDefault - 2)}"`,
      ];
      const requests = payloads.map((payload_json) => madeRequest({ payload_json }));
      await given.store.requests.insert(requests);
      const found = await given.other.requests.get([newId(), ...requests.map(({ id }) => id)]);
      expect(found.size).toBe(requests.length);
      expect(requests.map(({ id }) => found.get(id)?.payload_json)).toEqual(payloads);
    });

    test("insert may be repeated, and returns what is stored, in the order of the call", async () => {
      const [a, b] = [madeRequest({ processor: "p" }), madeRequest()];
      expect(await given.store.requests.insert([a])).toEqual([a]);
      const other = { payload_json: "2", creation_date: a.creation_date };
      const batch = [b, { id: a.id, ...other }, { id: b.id, ...other }];
      // Of the same id twice in one batch the first is stored.
      expect(await given.store.requests.insert(batch)).toEqual([b, a, b]);
    });

    test("the newest are read up to a number of bytes, at least one, newest first", async () => {
      const ids: string[] = [];
      for (let index = 0; index < 3; index++) ids.unshift(newId());
      const payload_json = JSON.stringify("x".repeat(998));
      await given.store.requests.insert(ids.map((id) => madeRequest({ id, payload_json })));
      for (const [bytes, count] of [
        [10, 1],
        [1_999, 1],
        [2_000, 2],
        [3_000, 3],
      ] as const) {
        const page = await given.store.requests.newest([newId(), ...ids.toReversed()], bytes);
        expect([...page.found.keys()]).toEqual(ids.slice(0, count));
        expect(page.isCut).toBe(count < 3);
      }
      expect(await given.store.requests.newest([], 10)).toEqual({ found: new Map(), isCut: false });
    });
  });
}

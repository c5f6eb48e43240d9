import { describe, expect, test } from "bun:test";
import type { RequestRecord, Start } from "@sate/contracts";
import { pagesOf } from "../../../src/pages.ts";
import type { Starting } from "../../../src/ports.ts";
import { madeRequest, newId } from "../../builders.ts";
import type { Given } from "./given.ts";

export function startsConformance(given: Given): void {
  const starting = (): RequestRecord & { start: Start } => {
    const start = { execution_id: newId(), max_failures: 3 };
    return { ...madeRequest(), start };
  };
  const startOf = ({ id, start }: RequestRecord & { start: Start }): Starting => {
    return { request_id: id, execution_id: start.execution_id };
  };

  /** The start marks of these, walking pages of `limit`. */
  async function marked(requests: RequestRecord[], limit = 1_000): Promise<Starting[]> {
    const ids = new Set(requests.map(({ id }) => id));
    const pages = await Array.fromAsync(pagesOf(given.other.requests.starting, limit));
    for (const page of pages) expect(page.length).toBeLessThanOrEqual(limit);
    return pages.flat().filter(({ request_id }) => ids.has(request_id));
  }

  describe("start marks and labels", () => {
    test("are stored with the request and returned as they were, also by a repetition", async () => {
      const key = { hash: "a".repeat(64), body_hash: "b".repeat(64) };
      const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
      const start = { execution_id: newId(), max_failures: 3, force_error: true, traceparent, key };
      const request = madeRequest({ start, labels: { "a.b": "ä", __proto: "", "1": "x" } });
      expect(await given.store.requests.insert([request])).toEqual([request]);
      expect((await given.other.requests.get([request.id])).get(request.id)).toEqual(request);
      const other = madeRequest({ id: request.id });
      expect(await given.store.requests.insert([other])).toEqual([request]);
    });

    test("are on pages that repeat none and miss none; requests without one are on none", async () => {
      const requests = Array.from({ length: 7 }, starting);
      await given.store.requests.insert([...requests, madeRequest()]);
      for (const limit of [1, 3, 1_000]) {
        const found = await marked(requests, limit);
        expect(found.toSorted(byRequest)).toEqual(requests.map(startOf).toSorted(byRequest));
      }
    });

    test("are cleared exactly, and a repetition does nothing", async () => {
      const [a, b, c] = [starting(), starting(), starting()];
      await given.store.requests.insert([a, b, c]);
      const another = { ...startOf(c), execution_id: newId() };
      for (let time = 0; time < 2; time++) {
        await given.store.requests.clearStarts([startOf(a), another, startOf(starting())]);
        expect((await marked([a, b, c])).toSorted(byRequest)).toEqual(
          [b, c].map(startOf).toSorted(byRequest),
        );
      }
      const { start: _, ...rest } = a;
      expect((await given.other.requests.get([a.id])).get(a.id)).toEqual(rest);
    });
  });
}

function byRequest(a: Starting, b: Starting): number {
  return a.request_id < b.request_id ? -1 : 1;
}

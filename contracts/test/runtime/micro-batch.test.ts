import { describe, expect, test } from "bun:test";
import type { SizeLimits } from "../../src/runtime/fitting.ts";
import { microBatch } from "../../src/runtime/micro-batch.ts";

/** A function of many items whose calls end when the test says so. */
function gathered(options: Partial<SizeLimits<string>> = {}) {
  const calls: { items: string[]; end: (error?: Error) => void }[] = [];
  let most = 0;
  let underWay = 0;
  const one = microBatch<string, string>(
    (items) => {
      most = Math.max(most, ++underWay);
      return new Promise((resolve, reject) => {
        calls.push({
          items,
          end: (error) => {
            underWay--;
            if (error) reject(error);
            else resolve(items.map((item) => item.toUpperCase()));
          },
        });
      });
    },
    { itemsMax: 10, ...options },
  );
  return { one, calls, most: () => most };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));
const settled = (promise: Promise<unknown>) =>
  promise.then(
    (value) => value,
    (error: Error) => error.message,
  );

describe("a micro-batch", () => {
  test("sends a lone item at the end of its turn of the event loop, without a timer", async () => {
    const { one, calls } = gathered();
    const answer = one("a");
    await turn();
    expect(calls.map(({ items }) => items)).toEqual([["a"]]);
    calls[0]?.end();
    expect(await answer).toBe("A");
  });

  test("makes one call at a time with everything that has gathered, in order, and returns each its result", async () => {
    const { one, calls, most } = gathered();
    const answers = ["a", "b"].map(one);
    await turn();
    answers.push(...["c", "d", "e"].map(one));
    await turn();
    expect(calls).toHaveLength(1);
    calls[0]?.end();
    await turn();
    expect(calls.map(({ items }) => items)).toEqual([
      ["a", "b"],
      ["c", "d", "e"],
    ]);
    calls[1]?.end();
    expect(await Promise.all(answers)).toEqual(["A", "B", "C", "D", "E"]);
    expect(most()).toBe(1);
    const later = one("f");
    await turn();
    calls[2]?.end();
    expect(await later).toBe("F");
  });

  test("limits a call in items and size; a larger item goes alone", async () => {
    const options = { itemsMax: 3, sizeMax: 4, sizeOf: (item: string) => item.length };
    const { one, calls } = gathered(options);
    const answers = Promise.all(["a", "b", "c", "d", "ee", "ff", "ggggggg", "h"].map(one));
    for (let call = 0; call < 5; call++) {
      await turn();
      calls[call]?.end();
    }
    expect(await answers).toHaveLength(8);
    expect(calls.map(({ items }) => items.join())).toEqual(["a,b,c", "d,ee", "ff", "ggggggg", "h"]);
  });

  test("a failed call rejects its own items only", async () => {
    const { one, calls } = gathered({ itemsMax: 2 });
    const answers = ["a", "b", "c"].map((item) => settled(one(item)));
    await turn();
    calls[0]?.end(new Error("no"));
    await turn();
    calls[1]?.end();
    expect(await Promise.all(answers)).toEqual(["no", "no", "C"]);
  });

  test("work that throws synchronously rejects likewise", async () => {
    const fails = () => {
      throw new Error("at once");
    };
    const one = microBatch<string, string>(fails, { itemsMax: 1 });
    expect(await settled(one("a"))).toBe("at once");
    expect(await settled(one("b"))).toBe("at once");
  });
});

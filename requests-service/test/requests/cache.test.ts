import { describe, expect, test } from "bun:test";
import { cachedRequests } from "../../src/requests/cache.ts";
import { madeRequest } from "../builders.ts";
import { openedStore } from "../core.ts";

/** A cache of at most `charsMax`; `asked` is what was read from the store. */
function made(charsMax = 1_000) {
  const { requests } = openedStore();
  const asked: string[] = [];
  const cached = cachedRequests(
    {
      ...requests,
      get: (ids) => requests.get(ids).finally(() => asked.push(ids.join(""))),
      getWithin: (ids, bytesMax) => requests.getWithin(ids, bytesMax).finally(() => asked.push(ids.join(""))),
    },
    { charsMax },
  );
  const get = async (...ids: string[]) => [...(await cached.get(ids)).keys()].toSorted().join("");
  return { requests, cached, asked, get };
}
const request = (id: string, payload_json = id.repeat(2)) => madeRequest({ id, payload_json });

describe("cached requests", () => {
  test("a stored or read request is not read again; an unknown id is looked up each time", async () => {
    const { requests, cached, asked, get } = made();
    await cached.insert([request("a")]);
    await requests.insert([request("b")]);
    expect([await get("a", "b", "c"), await get("a", "b", "c")]).toEqual(["ab", "ab"]);
    expect(asked).toEqual(["bc", "c"]);
    await requests.insert([request("c")]);
    expect(await get("c")).toBe("c");
  });

  test("the byte limit holds in the order of ids, whether all of them are cached or not", async () => {
    const { requests, cached, asked } = made();
    await cached.insert([request("b"), request("d")]);
    await requests.insert([request("a"), request("c")]);
    const within = async (bytesMax: number) => {
      const { found, isCut } = await cached.getWithin(["d", "c", "b", "a", "b"], bytesMax);
      return [...found.keys(), isCut].join(" ");
    };
    expect(await within(5)).toBe("a b true");
    expect(await within(100)).toBe("a b c d false");
    asked.length = 0;
    expect([await within(1), await within(5), await within(100)]).toEqual([
      "a true",
      "a b true",
      "a b c d false",
    ]);
    expect(asked).toEqual([]);
  });

  test("an insert that finds another request under its id caches the stored one", async () => {
    const { requests, cached } = made();
    await requests.insert([request("a", '"first"')]);
    await cached.insert([request("a", '"second"')]);
    expect((await cached.get(["a"])).get("a")?.payload_json).toBe('"first"');
  });

  test("the least recently used requests leave a full cache, and too large ones never enter it", async () => {
    const { cached, asked, get } = made(25);
    for (const id of ["a", "b"]) await cached.insert([request(id, "x".repeat(10))]);
    await get("a");
    await cached.insert([request("c", "x".repeat(10)), request("large", "x".repeat(100))]);
    expect([await get("a", "c"), await get("b"), await get("large")]).toEqual(["ac", "b", "large"]);
    expect(asked).toEqual(["b", "large"]);
  });

  test("the current state of a request that another process has removed is a stub", async () => {
    const { requests, cached, asked } = made();
    await cached.insert([request("a"), request("b")]);
    await requests.insert([request("c")]);
    await requests.remove(["a"]);
    const current = async () =>
      [...(await cached.current(["a", "b", "c", "d"])).values()].map(({ id, payload_json }) => [
        id,
        payload_json,
      ]);
    expect((await current()).toSorted()).toEqual([
      ["a", ""],
      ["b", "bb"],
      ["c", "cc"],
    ]);
    // Of those that are cached only the state was read.
    expect(asked.toSorted()).toEqual(["a", "cd"]);
    await cached.remove(["b"]);
    expect((await cached.get(["b"])).get("b")?.payload_json).toBe("");
    expect(await cached.removedOf(["a", "b", "c"])).toEqual(new Set(["a", "b"]));
  });
});

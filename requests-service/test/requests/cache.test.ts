import { describe, expect, test } from "bun:test";
import type { RequestRecord } from "@sate/contracts";
import type { Requests } from "../../src/ports.ts";
import { cachedRequests } from "../../src/requests/cache.ts";
import { takeWithin } from "../../src/requests/take-within-bytes.ts";

function counted() {
  const stored = new Map<string, RequestRecord>();
  const asked: string[][] = [];
  const requests: Requests = {
    async insert(wanted) {
      return wanted.map((request) => {
        const there = stored.get(request.id) ?? request;
        stored.set(there.id, there);
        return there;
      });
    },
    async get(ids) {
      asked.push(ids);
      return new Map(ids.flatMap((id) => (stored.has(id) ? [[id, stored.get(id) as RequestRecord]] : [])));
    },
    async getWithin(ids, bytesMax) {
      asked.push(ids);
      return takeWithin(
        ids.toSorted().flatMap((id) => stored.get(id) ?? []),
        bytesMax,
      );
    },
    list: async () => ({ found: stored, isCut: false }),
  };
  return { requests, stored, asked };
}

const request = (id: string, payload_json = "1"): RequestRecord => ({ id, payload_json, creation_date: "" });

describe("cached requests", () => {
  test("a stored or read request is not read again; an unknown id is looked up each time", async () => {
    const { requests, stored, asked } = counted();
    const known = cachedRequests(requests, { charsMax: 100 });
    await known.insert([request("a")]);
    stored.set("b", request("b"));
    expect([...(await known.get(["a", "b", "c"])).keys()].toSorted()).toEqual(["a", "b"]);
    expect([...(await known.get(["a", "b", "c"])).keys()].toSorted()).toEqual(["a", "b"]);
    expect(asked).toEqual([["b", "c"], ["c"]]);
    stored.set("c", request("c"));
    expect((await known.get(["c"])).get("c")).toEqual(request("c"));
  });

  test("cached payloads count towards the byte limit, and nothing follows beyond a cut read", async () => {
    const { requests, stored, asked } = counted();
    const known = cachedRequests(requests, { charsMax: 1_000 });
    await known.insert([request("b", "bb"), request("e", "ee")]);
    for (const id of ["a", "c", "d"]) stored.set(id, request(id, id.repeat(2)));
    const within = async (bytesMax: number) => {
      const { found, isCut } = await known.getWithin(["e", "d", "c", "b", "a", "b", "x"], bytesMax);
      return [...found.keys(), isCut].join(" ");
    };
    expect(await within(3)).toBe("a true");
    expect(await within(5)).toBe("a b true");
    expect(await within(100)).toBe("a b c d e false");
    asked.length = 0;
    expect(await within(100)).toBe("a b c d e false");
    expect(asked).toEqual([["x"]]);
  });

  test("an insert that finds another request under its id caches the stored one", async () => {
    const { requests, stored } = counted();
    stored.set("a", request("a", '"first"'));
    const known = cachedRequests(requests, { charsMax: 100 });
    await known.insert([request("a", '"second"')]);
    expect((await known.get(["a"])).get("a")?.payload_json).toBe('"first"');
  });

  test("the least recently used requests leave a full cache", async () => {
    const { requests, asked } = counted();
    const known = cachedRequests(requests, { charsMax: 25 });
    await known.insert([request("a", "x".repeat(10)), request("b", "x".repeat(10))]);
    await known.get(["a"]);
    await known.insert([request("c", "x".repeat(10))]);
    await known.get(["a", "c"]);
    expect(asked).toEqual([]);
    await known.get(["b"]);
    expect(asked).toEqual([["b"]]);
    await known.insert([request("large", "x".repeat(100))]);
    expect((await known.get(["large"])).get("large")?.payload_json).toHaveLength(100);
    expect(asked.at(-1)).toEqual(["large"]);
  });
});

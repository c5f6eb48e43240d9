import { describe, expect, test } from "bun:test";
import type { StoredRequest } from "../src/execution.ts";
import { firstWithin } from "../src/first-within.ts";
import { knownRequests } from "../src/known-requests.ts";
import type { Requests } from "../src/ports.ts";

function counted() {
  const stored = new Map<string, StoredRequest>();
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
      return new Map(ids.flatMap((id) => (stored.has(id) ? [[id, stored.get(id) as StoredRequest]] : [])));
    },
    async getWithin(ids, bytesMax) {
      asked.push(ids);
      return firstWithin(
        ids.toSorted().flatMap((id) => stored.get(id) ?? []),
        bytesMax,
      );
    },
    list: async () => ({ found: stored, isCut: false }),
  };
  return { requests, stored, asked };
}

const request = (id: string, payloadJson = "1"): StoredRequest => ({ id, payloadJson, creationDate: "" });

describe("known requests", () => {
  test("what was stored or read is not asked for again; what is unknown is, each time", async () => {
    const { requests, stored, asked } = counted();
    const known = knownRequests(requests, { charsMax: 100 });
    await known.insert([request("a")]);
    stored.set("b", request("b"));
    expect([...(await known.get(["a", "b", "c"])).keys()].toSorted()).toEqual(["a", "b"]);
    expect([...(await known.get(["a", "b", "c"])).keys()].toSorted()).toEqual(["a", "b"]);
    expect(asked).toEqual([["b", "c"], ["c"]]);
    stored.set("c", request("c"));
    expect((await known.get(["c"])).get("c")).toEqual(request("c"));
  });

  test("what is known counts for the bytes as what must be read does, and where reading was cut nothing beyond follows", async () => {
    const { requests, stored, asked } = counted();
    const known = knownRequests(requests, { charsMax: 1_000 });
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

  test("an insert that found another request under its id keeps the one that is stored", async () => {
    const { requests, stored } = counted();
    stored.set("a", request("a", '"first"'));
    const known = knownRequests(requests, { charsMax: 100 });
    await known.insert([request("a", '"second"')]);
    expect((await known.get(["a"])).get("a")?.payloadJson).toBe('"first"');
  });

  test("holds no more than it may, and forgets what was longest unused first", async () => {
    const { requests, asked } = counted();
    const known = knownRequests(requests, { charsMax: 25 });
    await known.insert([request("a", "x".repeat(10)), request("b", "x".repeat(10))]);
    await known.get(["a"]);
    await known.insert([request("c", "x".repeat(10))]);
    await known.get(["a", "c"]);
    expect(asked).toEqual([]);
    await known.get(["b"]);
    expect(asked).toEqual([["b"]]);
    await known.insert([request("large", "x".repeat(100))]);
    expect((await known.get(["large"])).get("large")?.payloadJson).toHaveLength(100);
    expect(asked.at(-1)).toEqual(["large"]);
  });
});

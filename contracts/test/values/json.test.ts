import { describe, expect, test } from "bun:test";
import { jsonAt, jsonMembers, jsonObject, limits, readJson } from "../../src/index.ts";
import { hostilePayloads, randomJson } from "../random-json.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;
const read = (text: string) => readJson(bytes(text), limits.nestingMax);

describe("reading", () => {
  test("text comes back as it was, whatever it holds", () => {
    for (const text of hostilePayloads) expect(read(text)).toEqual({ kind: "read", text });
    for (let seed = 0; seed < 2_000; seed++) {
      const text = randomJson(seed).value(6);
      JSON.parse(text); // the generator itself makes JSON
      expect({ seed, ...read(text) }).toEqual({ seed, kind: "read", text });
    }
  });

  test("what is not JSON is told so", () => {
    const wrong = [
      '{"a":1',
      "NaN",
      "{'a':1}",
      "",
      " ",
      "01",
      '"\n"',
      "[1,]",
      "{} {}",
      "undefined",
      '"[[',
      "][",
    ];
    for (const text of wrong) expect({ text, ...read(text) }).toEqual({ text, kind: "not_json" });
  });

  test("what is not UTF-8 is told so, and a byte order mark is not JSON", () => {
    expect(readJson(new Uint8Array([0x22, 0xff, 0x22]), 64).kind).toBe("bad_encoding");
    // A surrogate in UTF-8, and an overlong slash.
    expect(readJson(new Uint8Array([0x22, 0xed, 0xa0, 0x80, 0x22]), 64).kind).toBe("bad_encoding");
    expect(readJson(new Uint8Array([0x22, 0xc0, 0xaf, 0x22]), 64).kind).toBe("bad_encoding");
    expect(readJson(new Uint8Array([0xef, 0xbb, 0xbf, 0x31]), 64).kind).toBe("not_json");
  });

  test("nesting is limited, brackets in strings are not nesting, and depth never overflows the stack", () => {
    expect(read(nested(64)).kind).toBe("read");
    expect(read(nested(65)).kind).toBe("too_deep");
    expect(read(nested(200_000)).kind).toBe("too_deep");
    expect(read("[".repeat(200_000)).kind).toBe("too_deep");
    expect(read(`${'{"a":'.repeat(65)}1${"}".repeat(65)}`).kind).toBe("too_deep");
    expect(read(`["${"[{".repeat(1_000)}\\"${"[".repeat(1_000)}"]`).kind).toBe("read");
    // Wide is not deep.
    expect(read(`[${Array(1_000).fill("[]").join(",")}]`).kind).toBe("read");
    // An open string hides brackets, but then the parser never comes to them either.
    expect(read(`"${"[".repeat(200_000)}`).kind).toBe("not_json");
  });
});

describe("cutting out", () => {
  test("members have their texts, byte for byte, in order, and repeated", () => {
    for (let seed = 0; seed < 2_000; seed++) {
      const random = randomJson(seed);
      const { space, string, value } = random;
      const wanted = Array.from({ length: random.below(6) }, () => ({ key: string(), value: value(4) }));
      const text = `${space()}{${wanted.map((one) => `${space()}${one.key}${space()}:${space()}${one.value}${space()}`).join(",") || space()}}${space()}`;
      const members = wanted.map((one) => ({ key: JSON.parse(one.key) as string, value: one.value }));
      expect({ seed, members: jsonMembers(text) }).toEqual({ seed, members });
    }
  });

  test("only an object has members", () => {
    for (const text of ["[]", '"{}"', "1", "null", "true"]) expect(jsonMembers(text)).toBeNull();
    expect(jsonMembers(" {} ")).toEqual([]);
  });

  test("a path leads to the value that a parser would see", () => {
    const text = '{"a":1,"a":{"b":[1,  2],"b" : "x,}\\"" },"__proto__":{"c":1e400}}';
    expect(jsonAt(text, "a", "b")).toBe('"x,}\\""');
    expect(jsonAt(text, "__proto__", "c")).toBe("1e400");
    expect(jsonAt(text)).toBe(text);
    expect(jsonAt('{"\\u0061":1}', "a")).toBe("1");
    for (const path of [["c"], ["a", "c"], ["a", "b", "c"], ["constructor"], ["c", "d"]]) {
      expect(jsonAt(text, ...path)).toBeUndefined();
    }
  });

  test("a path agrees with the parser on random objects", () => {
    for (let seed = 0; seed < 1_000; seed++) {
      const random = randomJson(seed);
      const keys = ['"a"', '"__proto__"', '"\\u0061"', '""'];
      const text = `{${Array.from({ length: 4 }, () => `${keys[random.below(4)]}:${random.value(2)}`).join(",")}}`;
      const parsed = JSON.parse(text);
      for (const key of ["a", "__proto__", ""]) {
        const found = jsonAt(text, key);
        expect({ seed, found: found === undefined ? "none" : JSON.parse(found) }).toEqual({
          seed,
          found: Object.hasOwn(parsed, key) ? parsed[key] : "none",
        });
      }
    }
  });
});

describe("putting together", () => {
  test("members go in as they are and come out again; undefined ones are left out", () => {
    for (let seed = 0; seed < 500; seed++) {
      const random = randomJson(seed);
      const values = { a: random.value(4), 'quote"\\': random.value(4), "": random.value(4) };
      const text = jsonObject({ ...values, left: undefined });
      expect(jsonMembers(text)).toEqual(Object.entries(values).map(([key, value]) => ({ key, value })));
    }
    expect(jsonObject({})).toBe("{}");
  });
});

test("a megabyte of quotes, backslashes or members takes milliseconds, not minutes", () => {
  const million = 1_000_000;
  const texts = [`"${'\\"'.repeat(million / 2)}"`, `"${"\\\\".repeat(million / 2)}"`];
  for (const text of texts) {
    expect(readJson(bytes(text), 64).kind).toBe("read");
    expect(jsonAt(`{"a":${text}}`, "a")).toBe(text);
  }
  const wide = `{${Array.from({ length: 100_000 }, (_, index) => `"${index}":[]`).join(",")}}`;
  expect(jsonMembers(wide)).toHaveLength(100_000);
}, 5_000);

import { describe, expect, test } from "bun:test";
import { jsonAt, jsonMembers, jsonObject, limits, readJson } from "../../src/index.ts";
import { hostilePayloads, randomJson } from "../random-json.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;
const read = (text: string) => readJson(bytes(text), limits.nestingMax);
const at = (text: string, ...path: string[]) => jsonAt(text, { found: path }).found;

describe("reading", () => {
  test("any JSON text is returned unchanged, with its parsed value", () => {
    for (const text of hostilePayloads) {
      expect(read(text)).toEqual({ kind: "read", text, value: JSON.parse(text) });
    }
    for (let seed = 0; seed < 2_000; seed++) {
      const text = randomJson(seed).value(6);
      const value: unknown = JSON.parse(text); // throws if the generator does not make JSON
      expect({ seed, reading: read(text) }).toEqual({ seed, reading: { kind: "read", text, value } });
    }
  });

  test("text that is not JSON is reported as such", () => {
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
    for (const text of wrong)
      expect({ text, reading: read(text) }).toEqual({ text, reading: { kind: "not_json" } });
  });

  test("bytes that are not UTF-8 are reported as such, and a byte order mark is not JSON", () => {
    expect(readJson(new Uint8Array([0x22, 0xff, 0x22]), 64).kind).toBe("bad_encoding");
    // A surrogate in UTF-8, and an overlong slash.
    expect(readJson(new Uint8Array([0x22, 0xed, 0xa0, 0x80, 0x22]), 64).kind).toBe("bad_encoding");
    expect(readJson(new Uint8Array([0x22, 0xc0, 0xaf, 0x22]), 64).kind).toBe("bad_encoding");
    expect(readJson(new Uint8Array([0xef, 0xbb, 0xbf, 0x31]), 64).kind).toBe("not_json");
  });

  test("nesting is limited, brackets in strings do not count, and no depth overflows the stack", () => {
    expect(read(nested(64)).kind).toBe("read");
    expect(read(nested(65)).kind).toBe("too_deep");
    expect(read(nested(200_000)).kind).toBe("too_deep");
    expect(read("[".repeat(200_000)).kind).toBe("too_deep");
    expect(read(`${'{"a":'.repeat(65)}1${"}".repeat(65)}`).kind).toBe("too_deep");
    expect(read(`["${"[{".repeat(1_000)}\\"${"[".repeat(1_000)}"]`).kind).toBe("read");
    // Wide is not deep.
    expect(read(`[${Array(1_000).fill("[]").join(",")}]`).kind).toBe("read");
    // An unterminated string hides brackets from the depth check, and from the parser too.
    expect(read(`"${"[".repeat(200_000)}`).kind).toBe("not_json");
  });
});

describe("extracting", () => {
  test("the members of an object have their texts byte for byte, in order, repeated ones included", () => {
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

  test("a path leads to the value that the parser returns", () => {
    const text = '{"a":1,"a":{"b":[1,  2],"b" : "x,}\\"" },"__proto__":{"c":1e400}}';
    expect(at(text, "a", "b")).toBe('"x,}\\""');
    expect(at(text, "__proto__", "c")).toBe("1e400");
    expect(at(text)).toBe(text);
    expect(at('{"\\u0061":1}', "a")).toBe("1");
    for (const path of [["c"], ["a", "c"], ["a", "b", "c"], ["constructor"], ["c", "d"]]) {
      expect(at(text, ...path)).toBeUndefined();
    }
  });

  test("several paths are found in one pass, also where one is a prefix of another", () => {
    const text = ' {"a" : {"b":1 , "c":[2]},"d":3,"a":{"c": {"b":[4]}}} ';
    const paths = { a: ["a"], b: ["a", "b"], c: ["a", "c"], cb: ["a", "c", "b"], d: ["d"], none: ["d", "a"] };
    expect(jsonAt(text, paths)).toEqual({ a: '{"c": {"b":[4]}}', c: '{"b":[4]}', cb: "[4]", d: "3" });
    expect(jsonAt("[1]", paths)).toEqual({});
  });

  test("a path agrees with the parser on random objects", () => {
    for (let seed = 0; seed < 1_000; seed++) {
      const random = randomJson(seed);
      const keys = ['"a"', '"__proto__"', '"\\u0061"', '""'];
      const text = `{${Array.from({ length: 4 }, () => `${keys[random.below(4)]}:${random.value(2)}`).join(",")}}`;
      const parsed = JSON.parse(text);
      for (const key of ["a", "__proto__", ""]) {
        const found = at(text, key);
        expect({ seed, found: found === undefined ? "none" : JSON.parse(found) }).toEqual({
          seed,
          found: Object.hasOwn(parsed, key) ? parsed[key] : "none",
        });
      }
    }
  });
});

describe("composing", () => {
  test("an object contains the given texts unchanged; undefined members are omitted", () => {
    for (let seed = 0; seed < 500; seed++) {
      const random = randomJson(seed);
      const values = { a: random.value(4), of_two: random.value(4), "": random.value(4) };
      const text = jsonObject({ first: undefined, ...values, last: undefined });
      expect(jsonMembers(text)).toEqual(Object.entries(values).map(([key, value]) => ({ key, value })));
    }
    expect(jsonObject({})).toBe("{}");
  });
});

test("reading takes linear time for a megabyte of quotes, backslashes or members", () => {
  const million = 1_000_000;
  const texts = [`"${'\\"'.repeat(million / 2)}"`, `"${"\\\\".repeat(million / 2)}"`];
  for (const text of texts) {
    expect(readJson(bytes(text), 64).kind).toBe("read");
    expect(at(`{"a":${text}}`, "a")).toBe(text);
  }
  const wide = `{${Array.from({ length: 100_000 }, (_, index) => `"${index}":[]`).join(",")}}`;
  expect(jsonMembers(wide)).toHaveLength(100_000);
}, 5_000);

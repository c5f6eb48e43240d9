import { expect, test } from "bun:test";
import { jsonAt, jsonItems, jsonMembers, jsonObject, limits, readJson } from "../../src/index.ts";
import { hostilePayloads } from "../hostile-payloads.ts";

/** The cases that matter by name; what holds for any text is in json.property.test.ts. */
const bytes = (text: string) => new TextEncoder().encode(text);
const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;
const kindOf = (text: string) => readJson(bytes(text), limits.nestingMax).kind;
const at = (text: string, ...path: string[]) => jsonAt(text, { found: path }).found;

test("payloads are returned unchanged, with their parsed values", () => {
  for (const text of hostilePayloads) {
    const reading = readJson(bytes(text), limits.nestingMax);
    expect(reading).toEqual({ kind: "read", text, value: JSON.parse(text) });
  }
});

test.each(["", " ", '{"a":1', "NaN", "{'a':1}", "01", '"\n"', "[1,]", "{} {}", "undefined", '"[[', "]["])(
  "text that is not JSON is reported as such: %p",
  (text) => expect(kindOf(text)).toBe("not_json"),
);

test.each([
  ["a byte that UTF-8 does not have", [0x22, 0xff, 0x22], "bad_encoding"],
  ["a surrogate", [0x22, 0xed, 0xa0, 0x80, 0x22], "bad_encoding"],
  ["an overlong slash", [0x22, 0xc0, 0xaf, 0x22], "bad_encoding"],
  ["a byte order mark", [0xef, 0xbb, 0xbf, 0x31], "not_json"],
] as const)("%s is not read", (_, some, kind) => {
  expect(readJson(new Uint8Array(some), 64).kind).toBe(kind);
});

test("nesting is limited, brackets in strings do not count, and no depth overflows the stack", () => {
  expect(kindOf(nested(64))).toBe("read");
  expect(kindOf(nested(65))).toBe("too_deep");
  expect(kindOf(nested(200_000))).toBe("too_deep");
  expect(kindOf("[".repeat(200_000))).toBe("too_deep");
  expect(kindOf(`${'{"a":'.repeat(65)}1${"}".repeat(65)}`)).toBe("too_deep");
  expect(kindOf(`["${"[{".repeat(1_000)}\\"${"[".repeat(1_000)}"]`)).toBe("read");
  // Wide is not deep.
  expect(kindOf(`[${Array(1_000).fill("[]").join(",")}]`)).toBe("read");
  // An unterminated string hides brackets from the depth check, and from the parser too.
  expect(kindOf(`"${"[".repeat(200_000)}`)).toBe("not_json");
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

test("an object of no members is empty", () => {
  expect(jsonObject({ first: undefined })).toBe("{}");
  expect(jsonMembers(" {} ")).toEqual([]);
});

test("reading takes linear time for a megabyte of quotes, backslashes or members", () => {
  const million = 1_000_000;
  for (const text of [`"${'\\"'.repeat(million / 2)}"`, `"${"\\\\".repeat(million / 2)}"`]) {
    expect(kindOf(text)).toBe("read");
    expect(at(`{"a":${text}}`, "a")).toBe(text);
  }
  const wide = `{${Array.from({ length: 100_000 }, (_, index) => `"${index}":[]`).join(",")}}`;
  expect(jsonMembers(wide)).toHaveLength(100_000);
}, 5_000);

test("the items of an array are returned as they were sent, whatever is in them; other values have none", () => {
  const items = ["1e400", '"a,]\\""', '{"b":[1, 2],"b":[]}', "[ [ ] , 3]", "null", '"\\ud800"', "-0"];
  expect(jsonItems(`\n[ ${items.join(" ,\t")} ] `)).toEqual(items);
  expect([jsonItems("[]"), jsonItems(" [ \n] ")]).toEqual([[], []]);
  for (const text of ["{}", '"[1]"', "1", "null", '{"a":[1]}']) expect(jsonItems(text)).toBeNull();
});

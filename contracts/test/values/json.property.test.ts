import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { jsonAt, jsonMembers, jsonObject, limits, readJson } from "../../src/index.ts";
import { damaged, depthOf, jsonSpace, jsonString, jsonValue, jsonValueOfDepth } from "../any-json.ts";

/** What holds of any text, with `JSON.parse` as the judge. A failure prints its seed and the smallest text. */
const runs = { numRuns: 1_000, interruptAfterTimeLimit: 10_000, markInterruptAsFailure: false };
const bytes = (text: string) => new TextEncoder().encode(text);

const members = fc.array(fc.record({ key: jsonString, value: jsonValue, space: jsonSpace }), {
  maxLength: 6,
});
const objectOf = (all: { key: string; value: string; space: string }[]) =>
  `{${all.map(({ key, value, space }) => `${space}${key}${space}:${space}${value}${space}`).join(",")}}`;

test("any JSON text that is not nested too deep is read as it is", () => {
  fc.assert(
    fc.property(jsonValueOfDepth(limits.nestingMax), jsonSpace, (value, space) => {
      const text = `${space}${value}${space}`;
      JSON.parse(text); // what was made is JSON
      expect(readJson(bytes(text), limits.nestingMax)).toEqual({ kind: "read", text });
    }),
    runs,
  );
});

test("a text is read if the parser takes it and it is not nested too deep, and otherwise never", () => {
  fc.assert(
    fc.property(damaged(jsonValue), fc.integer({ min: 1, max: 5 }), (text, nestingMax) => {
      const { kind } = readJson(bytes(text), nestingMax);
      if (isJson(text)) expect(kind).toBe(depthOf(text) > nestingMax ? "too_deep" : "read");
      else expect(["not_json", "too_deep"]).toContain(kind);
    }),
    runs,
  );
});

test("any bytes at all are read or told apart, and never throw", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (some) => {
      const { kind } = readJson(some, limits.nestingMax);
      expect(kind === "bad_encoding").toBe(!isUtf8(some));
    }),
    runs,
  );
});

test("the members of an object are its keys and values, in order and as texts", () => {
  fc.assert(
    fc.property(members, (all) => {
      const wanted = all.map(({ key, value }) => ({ key: JSON.parse(key) as string, value }));
      expect(jsonMembers(objectOf(all))).toEqual(wanted);
    }),
    runs,
  );
});

test("of any text, the last member of each key is what the parser has of it", () => {
  fc.assert(
    fc.property(jsonValue, (text) => {
      const parsed: unknown = JSON.parse(text);
      const isObject = typeof parsed === "object" && parsed !== null && !Array.isArray(parsed);
      const found = jsonMembers(text);
      expect(found !== null).toBe(isObject);
      if (!isObject || found === null) return;
      expect([...new Set(found.map(({ key }) => key))].sort()).toEqual(Object.keys(parsed).sort());
      for (const [key, value] of Object.entries(parsed)) {
        expect(JSON.parse(jsonAt(text, key) as string)).toEqual(value);
      }
    }),
    runs,
  );
});

test("a path leads to what the parser finds there, or to nothing where it finds nothing", () => {
  const key = fc.constantFrom("a", "b", "__proto__", "constructor", "2", "");
  const { object } = fc.letrec<{ object: string }>((tie) => ({
    object: fc
      .array(fc.tuple(key, fc.oneof({ maxDepth: 4 }, jsonValue, tie("object"))), { maxLength: 4 })
      .map((all) => `{${all.map(([name, value]) => `${JSON.stringify(name)} : ${value}`).join(" , ")}}`),
  }));
  fc.assert(
    fc.property(object, fc.array(key, { maxLength: 4 }), (text, path) => {
      const found = jsonAt(text, ...path);
      let wanted: unknown = JSON.parse(text);
      for (const name of path) {
        const isObject = typeof wanted === "object" && wanted !== null && !Array.isArray(wanted);
        wanted =
          isObject && Object.hasOwn(wanted as object, name)
            ? (wanted as Record<string, unknown>)[name]
            : undefined;
      }
      expect(found === undefined ? undefined : JSON.parse(found)).toEqual(wanted as never);
    }),
    runs,
  );
});

test("an object put together holds exactly the texts that were put in", () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string({ unit: "binary" }), fc.option(jsonValue, { nil: undefined })),
      (parts) => {
        const wanted = Object.entries(parts).flatMap(([key, value]) =>
          value === undefined ? [] : [{ key, value }],
        );
        expect(jsonMembers(jsonObject(parts))).toEqual(wanted);
      },
    ),
    runs,
  );
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function isUtf8(some: Uint8Array): boolean {
  return Buffer.from(Buffer.from(some).toString("utf8"), "utf8").equals(some);
}

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { jsonAt, jsonMembers, jsonObject, limits, readJson } from "../../src/index.ts";
import { damaged, depthOf, jsonSpace, jsonString, jsonValue, jsonValueOfDepth } from "../any-json.ts";

/** Properties of any text, with `JSON.parse` as the oracle. A failure prints its seed and the smallest text. */
const runs = { numRuns: 1_000, interruptAfterTimeLimit: 10_000, markInterruptAsFailure: false };
const bytes = (text: string) => new TextEncoder().encode(text);

const members = fc.array(fc.record({ key: jsonString, value: jsonValue, space: jsonSpace }), {
  maxLength: 6,
});
/** A field name of ours needs no escaping. */
const plainKey = fc.oneof(
  fc.constantFrom("__proto__", "constructor", "toString", "2", "1", ""),
  fc.string({ unit: fc.constantFrom(..."abcxyz_019") }),
);
const objectOf = (all: { key: string; value: string; space: string }[]) =>
  `{${all.map(({ key, value, space }) => `${space}${key}${space}:${space}${value}${space}`).join(",")}}`;

test("any JSON text within the nesting limit is read unchanged, with its parsed value", () => {
  fc.assert(
    fc.property(jsonValueOfDepth(limits.nestingMax), jsonSpace, (value, space) => {
      const text = `${space}${value}${space}`;
      const parsed: unknown = JSON.parse(text); // throws if the generator does not make JSON
      expect(readJson(bytes(text), limits.nestingMax)).toEqual({ kind: "read", text, value: parsed });
    }),
    runs,
  );
});

test("a text is read if and only if the parser accepts it and it is within the nesting limit", () => {
  fc.assert(
    fc.property(damaged(jsonValue), fc.integer({ min: 1, max: 5 }), (text, nestingMax) => {
      const { kind } = readJson(bytes(text), nestingMax);
      if (isJson(text)) expect(kind).toBe(depthOf(text) > nestingMax ? "too_deep" : "read");
      else expect(["not_json", "too_deep"]).toContain(kind);
    }),
    runs,
  );
});

test("any bytes are read or classified, and never throw", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (some) => {
      const { kind } = readJson(some, limits.nestingMax);
      expect(kind === "bad_encoding").toBe(!isUtf8(some));
    }),
    runs,
  );
});

test("the members of an object are its keys and values, in order, as texts", () => {
  fc.assert(
    fc.property(members, (all) => {
      const wanted = all.map(({ key, value }) => ({ key: JSON.parse(key) as string, value }));
      expect(jsonMembers(objectOf(all))).toEqual(wanted);
    }),
    runs,
  );
});

test("the last member of each key is what the parser returns for it", () => {
  fc.assert(
    fc.property(jsonValue, (text) => {
      const parsed: unknown = JSON.parse(text);
      const isObject = typeof parsed === "object" && parsed !== null && !Array.isArray(parsed);
      const found = jsonMembers(text);
      expect(found !== null).toBe(isObject);
      if (!isObject || found === null) return;
      expect([...new Set(found.map(({ key }) => key))].sort()).toEqual(Object.keys(parsed).sort());
      for (const [key, value] of Object.entries(parsed)) {
        expect(JSON.parse(at(text, [key]) as string)).toEqual(value);
      }
    }),
    runs,
  );
});

test("returns at each of several paths what the parser finds there, and nothing where it finds nothing", () => {
  const key = fc.constantFrom("a", "b", "__proto__", "constructor", "2", "");
  const { object } = fc.letrec<{ object: string }>((tie) => ({
    object: fc
      .array(fc.tuple(key, fc.oneof({ maxDepth: 4 }, jsonValue, tie("object"))), { maxLength: 4 })
      .map((all) => `{${all.map(([name, value]) => `${JSON.stringify(name)} : ${value}`).join(" , ")}}`),
  }));
  const path = fc.array(key, { maxLength: 4 });
  fc.assert(
    fc.property(object, path, path, path, (text, first, second, third) => {
      const paths = { first, second, third };
      const found = jsonAt(text, paths);
      for (const name of ["first", "second", "third"] as const) {
        const one = found[name];
        const wanted = valueAt(JSON.parse(text), paths[name]);
        expect(one === undefined ? undefined : JSON.parse(one)).toEqual(wanted as never);
      }
    }),
    runs,
  );
});

test("an object contains exactly the texts that it was composed of", () => {
  fc.assert(
    fc.property(fc.dictionary(plainKey, fc.option(jsonValue, { nil: undefined })), (parts) => {
      const wanted = Object.entries(parts).flatMap(([key, value]) =>
        value === undefined ? [] : [{ key, value }],
      );
      expect(jsonMembers(jsonObject(parts))).toEqual(wanted);
    }),
    runs,
  );
});

function at(text: string, path: string[]): string | undefined {
  return jsonAt(text, { found: path }).found;
}

function valueAt(parsed: unknown, path: string[]): unknown {
  let value = parsed;
  for (const name of path) {
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    value =
      isObject && Object.hasOwn(value as object, name) ? (value as Record<string, unknown>)[name] : undefined;
  }
  return value;
}

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

import { expect, setDefaultTimeout, test } from "bun:test";
import { createPayloadChecker } from "../../src/payloads/checker.ts";

// Each test waits for a deadline, and on a busy machine also for the thread to start.
setDefaultTimeout(60_000);

const multiplying = (depth: number) => {
  const $defs: Record<string, object> = { [`d${depth}`]: {} };
  for (let index = 0; index < depth; index++) {
    const $ref = `#/$defs/d${index + 1}`;
    $defs[`d${index}`] = { allOf: [{ $ref }, { $ref }] };
  }
  return { $ref: "#/$defs/d0", $defs };
};
const patterns = Array.from({ length: 100 }, (_, index) => ({ pattern: `^(a+)+${index}$` }));

const slow: [name: string, schema: object, payload: string][] = [
  ["references that multiply", multiplying(60), "1"],
  [
    "unique items",
    { uniqueItems: true },
    JSON.stringify(Array.from({ length: 200_000 }, (_, index) => index)),
  ],
  ["patterns that backtrack", { allOf: patterns }, JSON.stringify("a".repeat(40))],
];
test.each(slow)(
  "a check that takes too long is aborted, and later checks are still made: %s",
  async (_, schema, payload) => {
    const check = createPayloadChecker({ deadlineMs: 1_000 });
    const text = JSON.stringify(schema);
    const string = JSON.stringify({ type: "string" });
    const ends = await Promise.all([
      check({ schema: string, payload: '"a"' }),
      check({ schema: text, payload }),
      check({ schema: string, payload: "1" }),
      // The schema that took too long is not applied again.
      check({ schema: text, payload }),
      check({ schema: string, payload: '"b"' }),
    ]);
    expect(ends.map(({ kind }) => kind)).toEqual(["match", "unchecked", "mismatch", "unchecked", "match"]);
  },
);

test("a schema that took too long is tried again after a while", async () => {
  const check = createPayloadChecker({ deadlineMs: 1_000, avoidedMs: 0 });
  const schema = JSON.stringify({ uniqueItems: true });
  const payload = JSON.stringify(Array.from({ length: 200_000 }, (_, index) => index));
  expect(await check({ schema, payload })).toEqual({ kind: "unchecked" });
  expect(await check({ schema, payload: "[1,2]" })).toEqual({ kind: "match" });
});

test("concurrent checks each get their own result", async () => {
  const check = createPayloadChecker();
  const schema = JSON.stringify({ type: "integer", multipleOf: 3 });
  const ends = await Promise.all(
    Array.from({ length: 300 }, (_, index) => check({ schema, payload: String(index) })),
  );
  for (const [index, { kind }] of ends.entries()) expect(kind).toBe(index % 3 === 0 ? "match" : "mismatch");
});

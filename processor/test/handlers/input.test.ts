import { expect, test } from "bun:test";
import { inputCheck } from "../../src/handlers/input.ts";
import { startRun } from "../conformance/handlers/run.ts";
import { pong } from "../fakes/handlers.ts";

/** The message of the refusal of a payload, or `null` if it is run. */
async function refusalOf(schema: object, payloadJson: string): Promise<string | null> {
  const check = inputCheck(schema);
  if (check.kind === "wrong") throw new Error(check.problem);
  const announcement = { name: "one", kind: "http" as const, timeout_seconds: 60 };
  const end = await startRun({ announcement, handler: check.before(pong), graceMs: 0 }, { payloadJson }).end;
  if (end.kind === "succeeded") return null;
  expect(end).toMatchObject({ kind: "failed", error: { code: "invalid_input" }, isRetryable: false });
  return end.kind === "failed" ? end.error.message : null;
}

const beginning = "The payload does not match the input schema of the processor";

test("a payload that does not match is refused with the location of the mismatch", async () => {
  const text = { type: "object", required: ["text"], properties: { text: { type: "string" } } };
  expect(await refusalOf(text, '{"text":"a"}')).toBeNull();
  expect(await refusalOf(text, "1")).toBe(
    `${beginning}: Instance type "number" is invalid. Expected "object".`,
  );
  expect(await refusalOf(text, "{}")).toBe(`${beginning}: Instance does not have required property "text".`);
  expect(await refusalOf({ items: text }, '[{"text":1}]')).toBe(
    `${beginning} at /0/text: Instance type "number" is invalid. Expected "string".`,
  );
  const closed = { additionalProperties: false };
  expect(await refusalOf(closed, `{"${"\\n".repeat(1_000)}":1}`)).toHaveLength(500);
});

test("an invalid schema is reported before the first payload", () => {
  expect(inputCheck({ $ref: "#/none" })).toEqual({
    kind: "wrong",
    problem: '`input` is not a JSON Schema: Unresolved $ref "#/none".',
  });
  expect(inputCheck({ $ref: "#" })).toMatchObject({ kind: "wrong" });
  const misspelt: object = { properties: { text: { type: "sting" } } };
  expect(inputCheck(misspelt)).toEqual({
    kind: "wrong",
    problem: "`input` is not a JSON Schema: there is no type `sting`.",
  });
});

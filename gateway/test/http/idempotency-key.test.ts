import { expect, test } from "bun:test";
import { parseKey } from "../../src/http/idempotency-key.ts";
import { json, named, testGateway } from "../support/gateway.ts";

const longest = "k".repeat(255);

test.each([
  ["a", "a"],
  ['"a"', "a"],
  ["8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324"],
  [longest, longest],
  [`"${longest}"`, longest],
  ['"a\\"b\\\\c"', 'a"b\\c'],
  ['a"b,c\\d', 'a"b,c\\d'],
  ["!~", "!~"],
] as const)("the key is the same bare and in quotes: %s", (text, key) => expect(parseKey(text)).toBe(key));

test.each([
  "",
  '""',
  `${longest}k`,
  `"${longest}k"`,
  "a b",
  '"a b"',
  '"a',
  '"a"b"',
  '"a\\n"',
  '"a";q=1',
  '"a", "b"',
  "a, a",
  "é",
  "a\tb",
  "a\u007f",
])("what is not 1 to 255 visible ASCII characters, bare or in quotes, is malformed: %p", (text) => {
  expect(parseKey(text)).toBeNull();
});

test.each([
  ["/requests", '{"payload":1}'],
  ["/requests/batch", '{"requests":[{"payload":1}]}'],
  ["/requests/{id}/executions", "{}"],
])("POST %s refuses a malformed key, and stores nothing", async (path, body) => {
  const gateway = testGateway();
  const id = await gateway.stored();
  const answer = await gateway.post(path.replace("{id}", id), body, { ...json, "idempotency-key": "a b" });
  expect(named(answer)).toEqual([400, "invalid-parameter"]);
  expect(answer.json.field).toBe("Idempotency-Key");
  expect([gateway.requests.requests.size, gateway.requests.countExecutions()]).toEqual([1, 0]);
});

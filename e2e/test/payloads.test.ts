import { expect, test } from "bun:test";
import { sharedSystem } from "../src/system/shared-system.ts";

const { client } = await sharedSystem();

const payloads: Record<string, string> = {
  null: "null",
  false: "false",
  "empty string": '""',
  "big numbers": "[9007199254740993,1e400,-0,1e-400,0.1000000000000000055511151231257827]",
  "a hundred thousand digits": "1".repeat(100_000),
  "keys that mean something":
    '{"__proto__":{"admin":true},"constructor":1,"$where":"1","a.b":2,"$ref":"#","_bsontype":"ObjectId","toJSON":3,"then":4,"length":5}',
  "order of number-like keys": '{"2":1,"1":2,"b":3,"a":4}',
  "lone surrogates": '["\\ud800","\\udc00\\ud800",{"\\ud800":"\\udfff"}]',
  "NUL in value and key": '{"a\\u0000b":"c\\u0000d"}',
  "an empty key": '{"":{"":""}}',
  "a key twice": '{"a":1,"a":2}',
  "white space as sent": '{ "a" :\t[ 1 ,\n 2 ] }',
  "emoji and line separators": '"\u{1f600}\u2028\u2029é"',
  "escapes as sent": '"\\/\\u0041\\n"',
  deep: `${"[".repeat(63)}${"]".repeat(63)}`,
  "numbers in other notations": "[1.0,1E5,1e+5,0.10,-0.0]",
  "emoji and line separators as keys": '{"\u{1f600}":{"\u2028":1}}',
  "brackets and quotes in strings": '{"a":"}]\\"{[","b\\\\":"\\\\"}',
  // The body around it, quotes included, has 14 bytes.
  "exactly the limit": `"${"x".repeat(512 * 1024 - 14)}"`,
};

test.each(Object.entries(payloads))(
  "a payload is returned byte for byte: %s",
  async (_, payload) => {
    const created = await client.ask("POST", "/requests", `{"payload":${payload}}`);
    const requestId = created.json.id;
    const stored = await client.get(`/requests/${requestId}`);
    const executed = await client.execute(requestId);
    await client.results(requestId);
    const results = await client.get(`/requests/${requestId}/results`);
    for (const { text } of [created, stored, executed, results])
      expect(text).toContain(`"payload":${payload}`);
    expect([created.status, executed.status]).toEqual([201, 201]);
    expect(({} as { admin?: unknown }).admin).toBeUndefined();
  },
  60_000,
);

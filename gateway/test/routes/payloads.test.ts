import { expect, test } from "bun:test";
import { json, testGateway } from "../support/gateway.ts";

/** What must come back byte for byte. */
const payloads: [name: string, text: string][] = [
  ["a number beyond doubles", "9007199254740993"],
  ["a number beyond infinity", "1e400"],
  ["negative zero", "-0"],
  ["a number below all", "1e-400"],
  ["numbers in other notations", "[1.0,1E5,1e+5,0.10]"],
  ["100,000 digits", "1".repeat(100_000)],
  ["a lone surrogate, escaped", '"\\ud800"'],
  ["an escaped zero in value and key", '{"a\\u0000b":"a\\u0000b"}'],
  ["escapes that need not be", '"\\/\\u0041"'],
  ["U+2028", '"\u2028\u2029"'],
  ["emoji", '{"🏳️‍🌈":"👩🏽‍🚀"}'],
  ["an empty key", '{"":{"":[]}}'],
  ["keys of our own objects", '{"__proto__":{"admin":true},"constructor":1,"then":2,"length":-1}'],
  ["keys of databases", '{"$where":"1","a.b":1,"$ref":2,"_bsontype":"ObjectID","_id":null}'],
  ["toJSON", '{"toJSON":"x","valueOf":null}'],
  ["keys that look like numbers", '{"2":1,"1":2,"b":3}'],
  ["a key twice", '{"a":1,"a":2}'],
  ["spaces", '{ "a" : [ 1 ,\n\t2 ] }'],
  ["63 levels", `${"[".repeat(63)}${"]".repeat(63)}`],
  ["brackets and quotes in strings", '{"a":"}]\\"{[","b\\\\":"\\\\"}'],
  ["null", "null"],
  ["false", "false"],
  ["an empty string", '""'],
];

for (const [name, text] of payloads) {
  test(`a payload is returned byte for byte: ${name}`, async () => {
    const gateway = testGateway();
    const body = Buffer.from(`{"payload":${text}}`);
    const created = await gateway.ask("POST", "/requests", body, json);
    const id = created.json.id;
    expect(created.text).toBe(`{"id":"${id}","payload":${text}}`);
    expect(gateway.requests.requests.get(id)?.payload_json).toBe(text);
    expect((await gateway.get(`/requests/${id}`)).text).toStartWith(`{"id":"${id}","payload":${text},`);
    const execution = await gateway.post(`/requests/${id}/executions`);
    expect(execution.text).toEndWith(`"processing_request":{"id":"${id}","payload":${text}}}`);
    const state = await gateway.get(`/requests/${id}/executions/${execution.json.id}`);
    expect(state.text).toContain(`"processing_request":{"id":"${id}","payload":${text}}`);
    expect((await gateway.get("/requests")).text).toContain(`"payload":${text},`);
    expect(({} as Record<string, unknown>).admin).toBeUndefined();
  });
}

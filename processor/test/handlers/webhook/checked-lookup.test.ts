import { afterAll, expect, test } from "bun:test";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { httpPost } from "../../../src/handlers/http/call.ts";
import { addressPolicy } from "../../../src/handlers/webhook/addresses.ts";
import { AddressRefused, checkedLookup } from "../../../src/handlers/webhook/checked-lookup.ts";

let calls = 0;
const server = createServer((_, response) => {
  calls++;
  response.end();
});
await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
afterAll(() => server.close());
const { port } = server.address() as AddressInfo;

/** Resolves a name to these addresses, one list for each time it is asked. */
function resolver(...answers: string[][]) {
  let asked = 0;
  const resolve: Parameters<typeof checkedLookup>[2] = (_, __, then) => {
    const addresses = answers[Math.min(asked++, answers.length - 1)] ?? [];
    then(
      null,
      addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })),
    );
  };
  return { resolve, asked: () => asked };
}

function post(address: string, allow: string, resolve: Parameters<typeof checkedLookup>[2]) {
  const url = new URL(address);
  const lookup = checkedLookup(url, addressPolicy(allow), resolve);
  const signal = AbortSignal.timeout(5_000);
  return httpPost(url, { headers: {}, body: Buffer.from("{}"), bytesMax: 1_000, signal, lookup });
}

test("a name that resolves to an address that may not be called is not called", async () => {
  const { resolve } = resolver(["127.0.0.1"]);
  await expect(post(`http://a.example:${port}/`, "10.0.0.0/8", resolve)).rejects.toBeInstanceOf(
    AddressRefused,
  );
  expect(calls).toBe(0);
});

test("of several addresses only those that may be called are", async () => {
  const { resolve } = resolver(["10.0.0.1", "::1", "127.0.0.1"]);
  expect((await post(`http://a.example:${port}/`, "127.0.0.0/8", resolve)).status).toBe(200);
  expect(calls).toBe(1);
});

test("the connection uses the address that was checked: a name that changes in between has no second chance", async () => {
  const before = calls;
  // Nothing listens at the address that is checked; the name resolves to the server a moment later.
  const { resolve, asked } = resolver(["127.99.0.1"], ["127.0.0.1"]);
  await expect(post(`http://a.example:${port}/`, "127.99.0.1", resolve)).rejects.toThrow();
  expect(asked()).toBe(1);
  expect(calls).toBe(before);
});

test("an address in the URL is checked before anything is sent, in every form", () => {
  const policy = addressPolicy("");
  for (const host of [
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "10.0.0.1",
  ]) {
    expect(() => checkedLookup(new URL(`https://${host}/`), policy)).toThrow(AddressRefused);
  }
  expect(() => checkedLookup(new URL("http://1.1.1.1/"), policy)).toThrow(AddressRefused);
  expect(() => checkedLookup(new URL("https://1.1.1.1/"), policy)).not.toThrow();
});

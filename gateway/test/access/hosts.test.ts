import { expect, test } from "bun:test";
import { newKey, readKeys } from "../../src/access/api-keys.ts";
import { loadAccess } from "../../src/access/settings.ts";
import { answerOf, named, type TestGateway, testGateway } from "../support/gateway.ts";

/** What the settings make of it, as main.ts does. */
function gatewayWith(env: Record<string, string>): TestGateway {
  const loaded = loadAccess(env);
  if (loaded.kind === "wrong") throw new Error(loaded.problems.join(" "));
  const { keys, allowedHosts } = loaded;
  return testGateway({ apiKeys: keys, allowedHosts, publicUrl: env.PUBLIC_URL ?? "" });
}

async function ask(gateway: TestGateway, host: string, origin?: string) {
  const headers: Record<string, string> = origin === undefined ? {} : { origin };
  return answerOf(await gateway.app.handle(new Request(`http://${host}/requests`, { headers })));
}

const open = {};
const withNames = {
  ALLOWED_HOSTS: "sate.internal,10.0.0.5,[fd00::1]",
  PUBLIC_URL: "https://sate.example/prefix",
};
const anonymous = { ALLOW_ANONYMOUS: "1", HOST: "0.0.0.0" };
const { keys } = readKeys(newKey("a", ["read"]).entry, "keys");

const served: [env: Record<string, string>, status: number, hosts: string[]][] = [
  [open, 200, ["localhost", "localhost:5003", "LOCALHOST", "127.0.0.1:5003", "127.9.9.9", "[::1]:5003"]],
  [open, 421, ["rebound.example", "rebound.example:5003", "localhost.rebound.example", "192.168.0.10"]],
  [open, 421, ["127.0.0.1.rebound.example", "0.0.0.0", "api", "sate.example"]],
  [withNames, 200, ["sate.example", "sate.example:8443", "sate.internal:80", "10.0.0.5", "[fd00::1]"]],
  [withNames, 200, ["localhost"]],
  [withNames, 421, ["other.example"]],
  [anonymous, 200, ["anything.example", "api"]],
];
test.each(served)("without keys, hosts that are served or not: %j, %d, %j", async (env, status, hosts) => {
  for (const host of hosts) {
    const answer = await ask(gatewayWith(env), host);
    expect([host, answer.status]).toEqual([host, status]);
    if (status === 200) continue;
    expect(named(answer)).toEqual([421, "host-not-allowed"]);
    expect(answer.json.detail).toContain("ALLOWED_HOSTS");
    expect(answer.text).not.toContain(host);
  }
});

test.each([
  [open, "localhost:5003", "http://localhost:5003", 200],
  [open, "127.0.0.1:5003", "http://127.0.0.1:5003", 200],
  [open, "[::1]:5003", "http://[::1]:5003", 200],
  [open, "localhost:5003", "http://localhost:3000", 403],
  [open, "localhost:5003", "https://evil.example", 403],
  [open, "localhost:5003", "null", 403],
  [open, "localhost:5003", "", 403],
  [withNames, "localhost:5003", "https://sate.example", 200],
  [withNames, "sate.example", "https://sate.example", 200],
  [withNames, "localhost", "https://sate.internal", 200],
  [withNames, "localhost", "https://evil.example", 403],
  [anonymous, "anything.example", "http://anything.example", 200],
  [anonymous, "anything.example", "http://evil.example", 403],
] as const)(
  "without keys, origins that are served or not: %j, at %s from %s is %d",
  async (env, host, origin, status) => {
    const answer = await ask(gatewayWith(env), host, origin);
    expect(answer.status).toBe(status);
    if (status === 403) expect(named(answer)).toEqual([403, "origin-not-allowed"]);
  },
);

test("a refused request of another site has no effect", async () => {
  const gateway = gatewayWith(open);
  const headers = { "content-type": "application/json", origin: "http://evil.example" };
  expect((await gateway.post("/requests", '{"payload":1}', headers)).status).toBe(403);
  expect(gateway.requests.calls).toEqual({});
});

test("with keys every host and origin is served to clients with a key", async () => {
  const gateway = testGateway({ apiKeys: keys, allowedHosts: new Set() });
  expect((await ask(gateway, "anything.example", "http://evil.example")).status).toBe(401);
  expect(named(await ask(gateway, "anything.example"))).toEqual([401, "unauthorized"]);
});

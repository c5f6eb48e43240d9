import { describe, expect, test } from "bun:test";
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

describe("without keys, the hosts that are served", () => {
  const cases: [env: Record<string, string>, host: string, status: number][] = [
    [open, "localhost", 200],
    [open, "localhost:5003", 200],
    [open, "LOCALHOST", 200],
    [open, "127.0.0.1:5003", 200],
    [open, "127.9.9.9", 200],
    [open, "[::1]:5003", 200],
    [open, "rebound.example", 421],
    [open, "rebound.example:5003", 421],
    [open, "localhost.rebound.example", 421],
    [open, "127.0.0.1.rebound.example", 421],
    [open, "192.168.0.10", 421],
    [open, "0.0.0.0", 421],
    [open, "api", 421],
    [open, "sate.example", 421],
    [withNames, "sate.example", 200],
    [withNames, "sate.example:8443", 200],
    [withNames, "sate.internal:80", 200],
    [withNames, "10.0.0.5", 200],
    [withNames, "[fd00::1]", 200],
    [withNames, "localhost", 200],
    [withNames, "other.example", 421],
    [anonymous, "anything.example", 200],
    [anonymous, "api", 200],
  ];
  test.each(cases)("%j: %s is %d", async (env, host, status) => {
    const answer = await ask(gatewayWith(env), host);
    expect(answer.status).toBe(status);
    if (status === 200) return;
    expect(named(answer)).toEqual([421, "host-not-allowed"]);
    expect(answer.json.detail).toContain("ALLOWED_HOSTS");
    expect(answer.text).not.toContain(host);
  });
});

describe("without keys, the origins that are served", () => {
  const cases: [env: Record<string, string>, host: string, origin: string, status: number][] = [
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
  ];
  test.each(cases)("%j: at %s from %s is %d", async (env, host, origin, status) => {
    const answer = await ask(gatewayWith(env), host, origin);
    expect(answer.status).toBe(status);
    if (status === 403) expect(named(answer)).toEqual([403, "origin-not-allowed"]);
  });
});

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

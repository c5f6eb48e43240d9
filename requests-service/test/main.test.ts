import { afterEach, expect, test } from "bun:test";
import { connect } from "node:net";
import { join } from "node:path";
import { until } from "./until.ts";

const script = join(import.meta.dir, "../src/main.ts");
const token = "0123456789abcdef";
const nowhere = {
  SERVICE_TOKEN: token,
  REQUESTS_MONGO_URL: "mongodb://user:top-secret@127.0.0.1:1/requests",
  RESULTS_SERVICE_URL: "http://127.0.0.1:1",
  KAFKA_BROKERS: "127.0.0.1:1",
  PORT: "0",
};

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

function start(env: Record<string, string>) {
  const child = Bun.spawn([process.execPath, script], { env, stdout: "pipe", stderr: "pipe" });
  ends.push(() => child.kill("SIGKILL"));
  const text = { out: "", err: "" };
  const reading = [
    (async () => {
      for await (const piece of child.stdout) text.out += new TextDecoder().decode(piece);
    })(),
    (async () => {
      for await (const piece of child.stderr) text.err += new TextDecoder().decode(piece);
    })(),
  ];
  const lines = () => text.out.split("\n").flatMap((line) => (line ? [JSON.parse(line)] : []));
  return {
    child,
    text,
    lines,
    async ended() {
      const code = await child.exited;
      await Promise.all(reading);
      return code;
    },
    async port(): Promise<number> {
      const listening = () => lines().find(({ message }) => message === "listening");
      await until("it listens", () => listening() !== undefined);
      return listening().port;
    },
  };
}

test("wrong settings end it with 78; all are named, without their values", async () => {
  const { ended, text } = start({
    ...nowhere,
    SERVICE_TOKEN: "",
    MAX_LOST: "none",
    REQUESTS_MONGO_URL: "x-secret",
  });
  expect(await ended()).toBe(78);
  expect(text.err).toContain("SERVICE_TOKEN is missing");
  expect(text.err).toContain("MAX_LOST must be");
  expect(text.err).toContain("REQUESTS_MONGO_URL must be");
  expect(text.err + text.out).not.toContain("secret,");
  expect(text.err).not.toContain("x-secret");
});

test("a database address that the driver cannot parse ends it with 78, and its password is not printed", async () => {
  for (const url of [
    "mongodb://user:top@secret@host/requests",
    "mongodb://user:secret@host/requests?tls=perhaps",
  ]) {
    const { ended, text } = start({ ...nowhere, REQUESTS_MONGO_URL: url });
    expect([url, await ended()]).toEqual([url, 78]);
    expect(text.err).toContain("REQUESTS_MONGO_URL must be");
    expect(text.err + text.out).not.toMatch(/secret|perhaps/);
  }
});

test("a port in use ends it with 1, and a log line says why", async () => {
  const taken = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() });
  ends.push(() => void taken.stop(true));
  const { ended, lines, text } = start({ ...nowhere, PORT: String(taken.port) });
  expect(await ended()).toBe(1);
  expect([lines().at(-1)?.code, text.err]).toEqual(["EADDRINUSE", ""]);
});

test("without dependencies it is live, and SIGTERM ends it with 0 in time, also with idle connections", async () => {
  const { child, ended, lines, port, text } = start(nowhere);
  const at = `http://127.0.0.1:${await port()}`;
  const idle = connect(Number(new URL(at).port), "127.0.0.1");
  ends.push(() => idle.destroy());
  await new Promise((resolve) => idle.once("connect", resolve));
  idle.on("error", () => {});

  expect((await fetch(`${at}/live`)).status).toBe(200);
  let reasons: string[] = [];
  await until("it says what is away", async () => {
    const ready = await fetch(`${at}/ready`, { headers: { authorization: `Bearer ${token}` } });
    expect(ready.status).toBe(503);
    reasons = ((await ready.json()) as { reasons: string[] }).reasons;
    return reasons.length === 3;
  });
  expect(reasons.toSorted()).toEqual([
    "It is starting.",
    "The Requests DB does not respond.",
    "The broker does not respond.",
  ]);

  const asked = performance.now();
  const answer = await fetch(`${at}/internal/requests/list`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: '{"limit":1}',
  });
  expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "1"]);
  expect(performance.now() - asked).toBeLessThan(8_000);

  const stopped = performance.now();
  child.kill("SIGTERM");
  child.kill("SIGTERM");
  expect(await ended()).toBe(0);
  expect(performance.now() - stopped).toBeLessThan(9_000);
  expect(lines().at(-1)?.message).toBe("stopped");
  expect(text.out + text.err).not.toContain("top-secret");
  expect(text.err).toBe("");
}, 40_000);

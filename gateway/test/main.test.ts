import { afterEach, expect, test } from "bun:test";
import { connect } from "node:net";
import { join } from "node:path";
import { until } from "./support/until.ts";

const script = join(import.meta.dir, "../src/main.ts");
const nowhere = {
  SERVICE_TOKEN: "0123456789abcdef",
  REQUESTS_SERVICE_URL: "http://127.0.0.1:1",
  RESULTS_SERVICE_URL: "http://127.0.0.1:1",
  PORT: "0",
};

const children: Bun.Subprocess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

function start(env: Record<string, string>) {
  const child = Bun.spawn([process.execPath, script], { env, stdout: "pipe", stderr: "pipe" });
  children.push(child);
  let out = "";
  const read = (async () => {
    for await (const piece of child.stdout) out += new TextDecoder().decode(piece);
  })();
  return { child, read, lines: () => out.split("\n").flatMap((line) => (line ? [JSON.parse(line)] : [])) };
}

test("invalid settings are all reported and end it with 78", async () => {
  const { child } = start({ ...nowhere, MAX_FAILURES: "none", SERVICE_TOKEN: "" });
  expect(await child.exited).toBe(78);
  const text = await new Response(child.stderr).text();
  expect(text).toContain("MAX_FAILURES must be");
  expect(text).toContain("SERVICE_TOKEN is missing");
});

test("it refuses to listen beyond loopback without keys, and says what to do", async () => {
  const { child } = start({ ...nowhere, HOST: "0.0.0.0", MAX_FAILURES: "none", API_KEYS_FILE: "" });
  expect(await child.exited).toBe(78);
  const text = await new Response(child.stderr).text();
  expect(text).toContain("MAX_FAILURES must be");
  expect(text).toContain("set API_KEYS (`bun run key NAME read+submit` creates a key), or ALLOW_ANONYMOUS=1");
});

for (const who of [{ ALLOW_ANONYMOUS: "1" }, { API_KEYS: `a:read:${"0".repeat(64)}` }]) {
  test(`it listens everywhere with ${Object.keys(who)}`, async () => {
    const { lines } = start({ ...nowhere, HOST: "0.0.0.0", ...who });
    const listening = () => lines().find(({ message }) => message === "listening");
    await until("it listens", () => listening() !== undefined);
    const at = `http://127.0.0.1:${listening().port}`;
    expect((await fetch(`${at}/live`)).status).toBe(200);
    expect((await fetch(`${at}/requests`)).status).toBe("API_KEYS" in who ? 401 : 503);
    const authorization = `Bearer ${nowhere.SERVICE_TOKEN}`;
    expect((await fetch(`${at}/ready`, { headers: { authorization } })).status).toBe(503);
  });
}

test("it responds without its dependencies, and SIGTERM ends it with 0 despite idle connections", async () => {
  const { child, read, lines } = start(nowhere);
  const listening = () => lines().find(({ message }) => message === "listening");
  await until("it listens", () => listening() !== undefined);
  const { port } = listening();
  expect((await fetch(`http://127.0.0.1:${port}/live`)).status).toBe(200);
  const ready = await fetch(`http://127.0.0.1:${port}/ready`);
  const { reasons } = (await ready.json()) as { reasons: string[] };
  expect([ready.status, reasons[0]]).toEqual([503, "It is starting."]);
  const answer = await fetch(`http://127.0.0.1:${port}/requests`);
  expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "2"]);
  const body = '{"payload":1}';
  const headers = { "content-type": "application/json" };
  const write = await fetch(`http://127.0.0.1:${port}/requests`, { method: "POST", headers, body });
  expect(await write.json()).toMatchObject({
    status: 503,
    detail: expect.stringContaining("Nothing was done."),
  });
  const idle = connect(port, "127.0.0.1");
  await new Promise((resolve) => idle.once("connect", resolve));
  idle.on("error", () => {});
  child.kill("SIGTERM");
  expect(await child.exited).toBe(0);
  await read;
  expect(lines().at(-1)?.message).toBe("stopped");
  idle.destroy();
}, 30_000);

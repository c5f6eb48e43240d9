import { afterEach, expect, test } from "bun:test";
import { connect } from "node:net";
import { join } from "node:path";
import { until } from "@sate/contracts/test/until.ts";

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
  const lines = () => out.split("\n").flatMap((line) => (line ? [JSON.parse(line)] : []));
  /** Its address, once it listens. */
  async function address(): Promise<{ port: number; url: string }> {
    const listening = () => lines().find(({ message }) => message === "listening");
    await until("it listens", () => listening() !== undefined);
    const { port } = listening();
    return { port, url: `http://127.0.0.1:${port}` };
  }
  return { child, read, lines, address };
}

test("invalid settings are all reported and end it with 78, also access without keys beyond loopback", async () => {
  const { child } = start({ ...nowhere, HOST: "0.0.0.0", MAX_FAILURES: "none", SERVICE_TOKEN: "" });
  expect(await child.exited).toBe(78);
  const text = await new Response(child.stderr).text();
  expect(text).toContain("MAX_FAILURES must be");
  expect(text).toContain("SERVICE_TOKEN is missing");
  expect(text).toContain("set API_KEYS (`bun run key NAME read+submit` creates a key), or ALLOW_ANONYMOUS=1");
});

test.each([
  [{ ALLOW_ANONYMOUS: "1" }, 503],
  [{ API_KEYS: `a:read:${"0".repeat(64)}` }, 401],
])("it listens everywhere with %j", async (access, status) => {
  const { url } = await start({ ...nowhere, HOST: "0.0.0.0", ...access }).address();
  expect((await fetch(`${url}/live`)).status).toBe(200);
  expect((await fetch(`${url}/requests`)).status).toBe(status);
  const authorization = `Bearer ${nowhere.SERVICE_TOKEN}`;
  expect((await fetch(`${url}/ready`, { headers: { authorization } })).status).toBe(503);
});

test("it responds without its dependencies, and SIGTERM ends it with 0 despite idle connections", async () => {
  const { child, read, lines, address } = start(nowhere);
  const { port, url } = await address();
  expect((await fetch(`${url}/live`)).status).toBe(200);
  const ready = await fetch(`${url}/ready`);
  const { reasons } = (await ready.json()) as { reasons: string[] };
  expect([ready.status, reasons[0]]).toEqual([503, "It is starting."]);
  const answer = await fetch(`${url}/requests`);
  expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "2"]);
  const headers = { "content-type": "application/json" };
  const write = await fetch(`${url}/requests`, { method: "POST", headers, body: '{"payload":1}' });
  const detail = expect.stringContaining("Nothing was done.");
  expect(await write.json()).toMatchObject({ status: 503, detail });
  const idle = connect(port, "127.0.0.1");
  await new Promise((resolve) => idle.once("connect", resolve));
  idle.on("error", () => {});
  child.kill("SIGTERM");
  expect(await child.exited).toBe(0);
  await read;
  expect(lines().at(-1)?.message).toBe("stopped");
  idle.destroy();
}, 30_000);

import { afterEach, expect, test } from "bun:test";
import { join } from "node:path";
import { until } from "./until.ts";

const script = join(import.meta.dir, "../src/main.ts");
const nowhere = {
  SERVICE_TOKEN: "0123456789abcdef",
  RESULTS_MONGO_URL: "mongodb://user:hidden@127.0.0.1:1/results",
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
  return {
    child,
    read,
    text: () => out,
    lines: () => out.split("\n").flatMap((line) => (line ? [JSON.parse(line)] : [])),
  };
}

test("wrong settings end it with 78, all of them named", async () => {
  const { child } = start({ ...nowhere, PORT: "none", SERVICE_TOKEN: "" });
  expect(await child.exited).toBe(78);
  const text = await new Response(child.stderr).text();
  expect(text).toContain("PORT must be");
  expect(text).toContain("SERVICE_TOKEN is missing");
});

test("it answers while nobody else is there, and SIGTERM ends it with 0", async () => {
  const { child, read, lines, text } = start(nowhere);
  const listening = () => lines().find(({ message }) => message === "listening");
  await until("it listens", () => listening() !== undefined);
  const { port } = listening();
  expect((await fetch(`http://127.0.0.1:${port}/live`)).status).toBe(200);
  const headers = { authorization: `Bearer ${nowhere.SERVICE_TOKEN}` };
  const ready = await fetch(`http://127.0.0.1:${port}/ready`, { headers });
  const { reasons } = (await ready.json()) as { reasons: string[] };
  expect([ready.status, reasons[0]]).toEqual([503, "It is starting."]);
  child.kill("SIGTERM");
  expect(await child.exited).toBe(0);
  await read;
  expect(lines().at(-1)?.message).toBe("stopped");
  expect(text()).not.toContain("hidden");
}, 30_000);

import { afterEach, expect, test } from "bun:test";
import { connect } from "node:net";
import { join } from "node:path";
import { until } from "@sate/contracts/test/until.ts";

const script = join(import.meta.dir, "../src/main.ts");
const token = "0123456789abcdef";
const nowhere = {
  SERVICE_TOKEN: token,
  REQUESTS_MONGO_URL: "mongodb://user:top-secret@127.0.0.1:1/requests",
  RESULTS_SERVICE_URL: "http://127.0.0.1:1",
  RESULTS_LISTENER_URL: "http://127.0.0.1:1",
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
  let out = "";
  const reading = (async () => {
    for await (const piece of child.stdout) out += new TextDecoder().decode(piece);
  })();
  const errors = new Response(child.stderr).text();
  return {
    child,
    /** What it has logged so far. */
    lines: () => out.split("\n").flatMap((line) => (line.endsWith("}") ? [JSON.parse(line)] : [])),
    async ended() {
      const code = await child.exited;
      await reading;
      return { code, errors: await errors };
    },
  };
}

test("wrong settings end it with 78; all are named, without their values", async () => {
  const wrong = { ...nowhere, SERVICE_TOKEN: "", MAX_LOST: "none", REQUESTS_MONGO_URL: "x-secret" };
  const { code, errors } = await start(wrong).ended();
  expect(code).toBe(78);
  for (const said of ["SERVICE_TOKEN is missing", "MAX_LOST must be", "REQUESTS_MONGO_URL must be"]) {
    expect(errors).toContain(said);
  }
  expect(errors).not.toContain("x-secret");
});

test("a port in use ends it with 1, and a log line says why", async () => {
  const taken = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() });
  ends.push(() => void taken.stop(true));
  const { ended, lines } = start({ ...nowhere, PORT: String(taken.port) });
  expect(await ended()).toEqual({ code: 1, errors: "" });
  expect(lines().at(-1)?.code).toBe("EADDRINUSE");
});

test("without dependencies it is live, and SIGTERM ends it with 0, also with idle connections", async () => {
  const { child, ended, lines } = start(nowhere);
  const listening = () => lines().find(({ message }) => message === "listening");
  await until("it listens", () => listening() !== undefined);
  const { port } = listening();
  const idle = connect(port, "127.0.0.1");
  ends.push(() => idle.destroy());
  await new Promise((resolve) => idle.once("connect", resolve));
  idle.on("error", () => {});

  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const ask = (path: string, init: RequestInit = {}) =>
    fetch(`http://127.0.0.1:${port}${path}`, { headers, ...init });
  expect((await ask("/live")).status).toBe(200);
  await until("it names what is away", async () => {
    const { reasons } = (await (await ask("/ready")).json()) as { reasons: string[] };
    return ["It is starting.", "The Requests DB does not respond.", "The broker does not respond."].every(
      (reason) => reasons.includes(reason),
    );
  });
  const answer = await ask("/internal/requests/list", { method: "POST", body: '{"limit":1}' });
  expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "1"]);
  child.kill("SIGTERM");
  expect(await ended()).toEqual({ code: 0, errors: "" });
  expect(lines().at(-1)?.message).toBe("stopped");
}, 40_000);

import { afterEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { until } from "../until.ts";

const script = join(import.meta.dir, "small-service.ts");
const children: Bun.Subprocess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

async function started(env: Record<string, string> = {}, ...before: string[]) {
  const child = Bun.spawn([...before, process.execPath, script], { env, stdout: "pipe", stderr: "pipe" });
  children.push(child);
  let out = "";
  const reading = (async () => {
    for await (const piece of child.stdout) out += new TextDecoder().decode(piece);
  })();
  const lines = () => out.split("\n").flatMap((line) => (line ? [JSON.parse(line)] : []));
  const messages = () => lines().map(({ message }) => message);
  await until("it is ready", () => messages().includes("ready"));
  const { port } = lines().find(({ message }) => message === "listening");
  return {
    child,
    lines,
    messages,
    says: (message: string) => until(message, () => messages().includes(message)),
    ask: (path: string) => fetch(`http://127.0.0.1:${port}${path}`),
    async ended() {
      const code = await child.exited;
      await reading;
      return [code, await child.stderr.text()];
    },
  };
}

for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
  test(`${signal} stops the service, and then the process ends with 0`, async () => {
    const { child, ended, messages, lines } = await started();
    child.kill(signal);
    expect(await ended()).toEqual([0, ""]);
    expect(messages().slice(-3)).toEqual(["stopping", "the service stops", "stopped"]);
    expect(lines().at(-3).signal).toBe(signal);
  });
}

describe("under nohup", () => {
  test("the process outlives its terminal, and SIGTERM still stops it", async () => {
    const { child, ask, ended, messages } = await started({}, "nohup");
    child.kill("SIGHUP");
    child.kill("SIGHUP");
    expect(await (await ask("/live")).text()).toBe("live");
    child.kill("SIGTERM");
    expect((await ended())[0]).toBe(0);
    expect(messages()).toContain("stopped");
  });
});

test("a request in flight gets its response before the service stops; new connections are refused", async () => {
  const { child, ask, ended, messages, says } = await started();
  const slow = ask("/slow");
  await says("slow has begun");
  child.kill("SIGTERM");
  await says("stopping");
  await expect(ask("/live")).rejects.toThrow();
  expect(await (await slow).text()).toBe("slow");
  expect((await ended())[0]).toBe(0);
  expect(messages().slice(-4)).toEqual(["stopping", "slow has responded", "the service stops", "stopped"]);
});

test("a request that waits ends when the stop begins", async () => {
  const { child, ask, ended, messages, says } = await started();
  const waiting = ask("/wait");
  await says("a wait has begun");
  child.kill("SIGTERM");
  expect(await (await waiting).text()).toBe("nothing yet");
  expect((await ended())[0]).toBe(0);
  expect(messages().slice(-4)).toEqual(["stopping", "the wait has ended", "the service stops", "stopped"]);
});

test("a request that does not end delays a stop for part of its deadline only", async () => {
  const { child, ask, ended, messages, says } = await started({ SHUTDOWN_SECONDS: "0.2" });
  const slow = ask("/slow").then(
    () => "answered",
    () => "cut off",
  );
  await says("slow has begun");
  child.kill("SIGTERM");
  expect((await ended())[0]).toBe(0);
  expect(messages()).toContain("requests in flight did not finish in time; their connections are closed");
  expect(await slow).toBe("cut off");
});

test("two signals within half a second count as one, as Ctrl-C arrives twice under bun run", async () => {
  const { child, ended, messages } = await started();
  child.kill("SIGINT");
  child.kill("SIGINT");
  expect((await ended())[0]).toBe(0);
  expect(messages()).toContain("stopped");
});

test("a second signal ends a hanging stop at once", async () => {
  const { child, ended, messages, says } = await started({ STOP: "hangs", SHUTDOWN_SECONDS: "60" });
  child.kill("SIGTERM");
  await says("the service stops");
  const repeat = setInterval(() => child.kill("SIGTERM"), 100);
  expect((await ended())[0]).toBe(1);
  clearInterval(repeat);
  expect(messages().at(-1)).toBe("a second signal ends the process at once");
});

test("a stop that takes too long, or fails, ends the process with 1", async () => {
  for (const [STOP, message] of [
    ["hangs", "the stop exceeded SHUTDOWN_SECONDS; the process exits"],
    ["fails", "the stop failed"],
  ] as const) {
    const { child, ended, messages } = await started({ STOP, SHUTDOWN_SECONDS: "0.3" });
    child.kill("SIGTERM");
    expect(await ended()).toEqual([1, ""]);
    expect(messages().at(-1)).toBe(message);
  }
});

test("an unhandled error is logged without its message and ends the process with 1", async () => {
  for (const [path, fields] of [
    ["/throw", { part: "uncaughtException", error: "TypeError", code: "E_THROWN" }],
    ["/reject", { part: "unhandledRejection", error: "RangeError", cause: "Error 7" }],
  ] as const) {
    const { ask, ended, lines } = await started();
    await ask(path).catch(() => {});
    expect(await ended()).toEqual([1, ""]);
    expect(lines().at(-1)).toMatchObject({ level: "error", ...fields });
    expect(JSON.stringify(lines())).not.toContain("secret");
  }
});

test("refuses to start where TLS certificates would not be verified", async () => {
  for (const NODE_TLS_REJECT_UNAUTHORIZED of ["0", "false"]) {
    const env = { NODE_TLS_REJECT_UNAUTHORIZED };
    const child = Bun.spawn([process.execPath, script], { env, stdout: "ignore", stderr: "pipe" });
    children.push(child);
    expect(await child.exited).toBe(78);
    expect(await child.stderr.text()).toContain("NODE_TLS_REJECT_UNAUTHORIZED must not be");
  }
});

test("warns at start about misspelt and contradictory settings, without their values", async () => {
  const { child, ended, lines } = await started({ SHUTDOWN_SECOND: "1234", PROCESSING_SECONDS: "20" });
  child.kill("SIGTERM");
  expect((await ended())[0]).toBe(0);
  const warnings = lines().filter(({ level }) => level === "warn");
  expect(warnings.map(({ message }) => message)).toEqual([
    "SHUTDOWN_SECOND is not a setting and has no effect. Did you mean SHUTDOWN_SECONDS?",
    "PROCESSING_SECONDS is above two fifths of SHUTDOWN_SECONDS: a stop may requeue the simulated executions.",
  ]);
  expect(JSON.stringify(lines())).not.toContain("1234");
});

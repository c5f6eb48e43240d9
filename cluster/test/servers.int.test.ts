import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { listensOn } from "../src/servers/addresses.ts";
import { installJava } from "../src/servers/java.ts";
import { inTime, until } from "../src/supervise/deadline.ts";
import { startServers } from "./start-cluster.ts";

const folder = mkdtempSync(join(tmpdir(), "sate-java-test-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const first = await startServers();
const { unavailable } = first.printed;
if (unavailable) console.log(`Skipped: ${unavailable}`);

type Child = (typeof first)["child"];
const ports = (addresses: Record<string, string>) =>
  Object.values(addresses).map((address) => Number(/127\.0\.0\.1:(\d+)/.exec(address)?.[1]));

describe.skipIf(unavailable !== undefined)("the servers for tests", () => {
  test("bun run test:stores runs the store and broker suites against the servers that the environment names", async () => {
    // A few tests of each suite: all of them run with those of the services.
    const run = Bun.spawn([process.execPath, "run", "test:stores", "-t", "repeat|twice|close"], {
      cwd: join(import.meta.dir, "../.."),
      env: { ...process.env, ...first.printed },
      stdio: ["ignore", "ignore", "pipe"],
    });
    const output = await run.stderr.text();
    expect(await run.exited).toBe(0);
    const passed = output.split(/^(?=\S+\.test\.ts:$)/m).filter((file) => file.includes("(pass)"));
    for (const server of [/^\S*mongo/, /^\S*kafka/])
      expect(passed.filter((file) => server.test(file)).length).toBeGreaterThanOrEqual(2);
    expect(output).not.toContain("Skipped");
  }, 120_000);

  const ends: [how: string, end: (child: Child) => unknown, exitCode: number][] = [
    ["its standard input closes", (child) => child.stdin.end(), 0],
    ["it receives SIGTERM", (child) => child.kill("SIGTERM"), 0],
    ["it is killed", (child) => child.kill("SIGKILL"), 137],
  ];
  test.each(ends)(
    "all end when %s",
    async (how, end, exitCode) => {
      const { child, printed } = how.includes("input") ? first : await startServers();
      expect(await Promise.all(ports(printed).map(listensOn))).toEqual([true, true, true]);
      end(child);
      expect(await inTime(child.exited, 20_000)).toBe(exitCode);
      const areGone = async () => !(await Promise.all(ports(printed).map(listensOn))).includes(true);
      expect(await until(areGone, 20_000)).toBe(true);
    },
    90_000,
  );

  test("are fetched by one of two processes that start together, and appear complete", async () => {
    const lines: string[] = [];
    const installs = [1, 2].map(() => installJava((line) => lines.push(line), folder));
    expect((await Promise.all(installs)).map(({ kind }) => kind)).toEqual(["installed", "installed"]);
    expect(lines.filter((line) => line.startsWith("Fetching"))).toHaveLength(1);
    expect(lines.filter((line) => line.includes("waiting for it"))).toHaveLength(1);
    expect(readdirSync(folder).filter((name) => !name.endsWith(".lock"))).toHaveLength(1);
  }, 300_000);
});

const running = {
  KAFKA_BROKERS: "127.0.0.1:1",
  REQUESTS_MONGO_URL: "mongodb://127.0.0.1:2/requests",
  RESULTS_MONGO_URL: "mongodb://127.0.0.1:3/results",
};
const noJava = "Docker does not respond; Java is not installed (a JDK of version 17 or newer)";
const printed: [what: string, env: Record<string, string>, printed: unknown][] = [
  ["the three addresses that the environment names", running, running],
  [
    "what is missing when it names only some",
    { ...running, REQUESTS_MONGO_URL: "" },
    { unavailable: expect.stringContaining("not set: REQUESTS_MONGO_URL") },
  ],
  ["why there are none without Java and Docker", { PATH: "" }, { unavailable: noJava }],
];
test.each(printed)("servers.ts prints %s", async (_, env, expected) => {
  const { child, printed } = await startServers(env);
  expect<unknown>(printed).toEqual(expected);
  child.stdin.end();
  expect(await child.exited).toBe(0);
});

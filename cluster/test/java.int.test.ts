import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { installJava } from "../src/servers/java.ts";
import { until } from "../src/supervise/deadline.ts";
import { tryFileLock } from "../src/supervise/file-lock.ts";
import { startCluster } from "./start-cluster.ts";
import { startServers } from "./start-servers.ts";

const folder = mkdtempSync(join(tmpdir(), "sate-java-test-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const isHere = Boolean(Bun.which("javac") && Bun.which("mvn"));
if (!isHere) console.log("Skipped: Java and Maven are not here");

test.skipIf(!isHere)(
  "of two that start together one fetches the servers, and nothing unfinished is seen",
  async () => {
    const said: string[] = [];
    const installs = [1, 2].map(() => installJava(folder, (sentence) => said.push(sentence)));
    const kinds = (await Promise.all(installs)).map(({ kind }) => kind);
    expect(kinds).toEqual(["installed", "installed"]);
    expect(said.filter((sentence) => sentence.startsWith("Fetching"))).toHaveLength(1);
    expect(said.filter((sentence) => sentence.includes("waiting for it"))).toHaveLength(1);
    expect(readdirSync(folder).filter((name) => !name.endsWith(".lock"))).toHaveLength(1);
  },
  300_000,
);

test("a lock is held by one, and free again when its holder is killed", async () => {
  const path = join(folder, "held");
  const script = `const { tryFileLock } = await import(${JSON.stringify(join(import.meta.dir, "../src/supervise/file-lock.ts"))});
    if (tryFileLock(${JSON.stringify(path)})) console.log("held"); setInterval(() => {}, 1000);`;
  const holder = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe" });
  const { value } = await holder.stdout.getReader().read();
  expect(new TextDecoder().decode(value)).toBe("held\n");
  expect(tryFileLock(path)).toBeUndefined();
  holder.kill("SIGKILL");
  await holder.exited;
  const lock = tryFileLock(path);
  expect(lock).toBeDefined();
  lock?.release();
  expect(await until(() => tryFileLock(path) !== undefined, 1_000)).toBe(true);
});

describe("without Java and Docker", () => {
  test("the servers for tests say why there are none", async () => {
    const { answer, child } = await startServers({ PATH: "" });
    expect(answer).toEqual({
      unavailable: expect.stringContaining("Docker does not respond; Java is not installed"),
    });
    expect(await child.exited).toBe(0);
  });

  test("the cluster says what to do", async () => {
    const none = { KAFKA_BROKERS: undefined, REQUESTS_MONGO_URL: undefined, RESULTS_MONGO_URL: undefined };
    const cluster = startCluster({ ...none, PATH: "" });
    expect(await cluster.child.exited).toBe(69);
    await cluster.printed(
      "Java is not installed (a JDK of version 17 or newer). With Docker, use docker compose up",
      1_000,
    );
    await cluster.remove();
  });
});

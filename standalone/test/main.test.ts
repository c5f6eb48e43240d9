import { describe, expect, test } from "bun:test";
import { chmodSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "../../contracts/test/until.ts";
import { root, script, starting } from "./process.ts";
import { opened } from "./sqlite/opened.ts";

const { started, newFolder } = starting();

const refusal = (...args: Parameters<typeof started>) => started(...args).ended();

test("without API keys it refuses to start on a public address, and names every other mistake too", async () => {
  const { code, said } = await refusal({ HOST: "0.0.0.0", CONCURRENCY: "none" });
  expect(code).toBe(78);
  expect(said).toContain("CONCURRENCY must be");
  expect(said).toContain("set API_KEYS (`bun run key NAME read+submit` creates a key), or ALLOW_ANONYMOUS=1");
});

for (const [name, env, status] of [
  ["without keys, on loopback", {}, 200],
  ["without keys, elsewhere, if ALLOW_ANONYMOUS is set", { HOST: "0.0.0.0", ALLOW_ANONYMOUS: "1" }, 200],
  ["with keys", { HOST: "0.0.0.0", API_KEYS: `a:read:${"0".repeat(64)}` }, 401],
] as const) {
  test(`it starts ${name}, and responds with ${status}`, async () => {
    const it = started(env);
    const url = await it.ready();
    const get = async (path: string) => (await fetch(`${url}${path}`)).status;
    expect([await get("/live"), await get("/requests"), await get("/ready")]).toEqual([200, status, 200]);
    // The commands that it shows work unchanged, except for the key.
    const { try: example } = (await (await fetch(url)).json()) as { try: string };
    for (const shown of [it.text(), example]) {
      expect(shown.includes("Authorization: Bearer <your API key>")).toBe(status === 401);
    }
    it.child.kill("SIGTERM");
    expect(await it.ended()).toEqual({ code: 0, said: "" });
  }, 30_000);
}

test("an execution succeeds, and its result survives a restart", async () => {
  const env = { DATA_DIR: newFolder(), PROCESSING_SECONDS: "0" };
  const first = started(env);
  await first.ready();
  const { json: request } = await first.ask("/requests", { payload: { message: "ping" } });
  expect((await first.ask(`/requests/${request.id}/executions`, {})).status).toBe(201);
  const resultsOf = (it: typeof first) => it.ask(`/requests/${request.id}/results`);
  await until("it has ended", async () => (await resultsOf(first)).json.results.length === 1);
  const before = await resultsOf(first);
  expect(before.json.results[0]).toMatchObject({ is_success: true, outputs: { message: "pong" } });
  first.child.kill("SIGTERM");
  await first.ended();
  const second = started(env);
  await second.ready();
  expect(await resultsOf(second)).toEqual(before);
}, 30_000);

describe("the folder of processors", () => {
  const shouts = (version: number) =>
    `import { defineProcessor } from "sate";\nexport default defineProcessor({ run: () => ({ version: ${version} }) });\n`;

  /** The outputs of a request to this processor. */
  async function outputsOf(it: ReturnType<typeof started>, processor: string): Promise<unknown> {
    const { json: request } = await it.ask("/requests", { payload: null, processor });
    await it.ask(`/requests/${request.id}/executions`, {});
    const results = async () => (await it.ask(`/requests/${request.id}/results`)).json.results;
    await until("it has ended", async () => (await results()).length === 1);
    return ((await results())[0] as { outputs: unknown }).outputs;
  }

  test("a file that cannot be loaded is named with the reason, and the others are served", async () => {
    const folder = newFolder();
    writeFileSync(join(folder, "broken.ts"), "export default {};");
    writeFileSync(join(folder, "shout.ts"), shouts(1));
    const it = started({ PROCESSORS_DIR: folder });
    await it.ready();
    expect(await outputsOf(it, "shout")).toEqual({ version: 1 });
    it.child.kill("SIGTERM");
    const { code, said } = await it.ended();
    expect(it.text()).toMatch(/^ {2}processors {5}shout\n {2}not served {5}see above$/m);
    expect([code, said]).toEqual([0, expect.stringMatching(/^broken\.ts: It has no default export.*\n$/)]);
  }, 30_000);

  test("with --watch a changed file is served without a restart", async () => {
    const folder = newFolder();
    const path = join(folder, "shout.ts");
    writeFileSync(path, shouts(1));
    const command = [process.execPath, script, "--watch"];
    const it = started({ PROCESSORS_DIR: folder }, { command });
    await it.ready();
    expect(await outputsOf(it, "shout")).toEqual({ version: 1 });
    writeFileSync(path, shouts(2));
    const isChanged = async () => Bun.deepEquals(await outputsOf(it, "shout"), { version: 2 });
    await until("the new version is served", isChanged, 20_000);
    await until("it says so", () => it.text().includes("\nprocessors       shout\n"));
    it.child.kill("SIGTERM");
    expect(await it.ended()).toEqual({ code: 0, said: "" });
  }, 60_000);
});

test.each([
  ["--help", 0],
  ["-h", 0],
  ["--port", 64],
] as const)(
  "with %s it does not start, and says where its settings are documented: exit code %i",
  async (argument, code) => {
    const it = started({}, { command: [process.execPath, script, argument] });
    const { said, ...ended } = await it.ended();
    expect(ended).toEqual({ code });
    expect(code === 0 ? said : it.text()).toBe("");
    const usage = code === 0 ? it.text() : said;
    expect(usage.startsWith(`Unknown argument: ${argument}\n`)).toBe(code !== 0);
    for (const text of ["npx -y bun run up", "standalone/README.md"]) expect(usage).toContain(text);
  },
);

test("without write access it is refused in one sentence, and starts when it has access", async () => {
  // As a user other than root, whichever user runs the tests.
  const wrap = process.getuid?.() === 0 ? ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] : [];
  const dataDir = newFolder();
  const path = join(dataDir, "sate.db");
  const below = join(dataDir, "data");
  const refuses = async (folder: string, denied: string) => {
    const said = `The data folder ${folder} cannot be used: it cannot be written by this user (EACCES, ${denied}); give the user read and write access to the folder and its files, or choose another folder with DATA_DIR.\n`;
    expect(await refusal({ DATA_DIR: folder }, { wrap })).toEqual({ code: 73, said });
  };
  chmodSync(dataDir, 0o500);
  await refuses(dataDir, path);
  await refuses(below, below);
  chmodSync(dataDir, 0o700);
  opened(dataDir).close();
  chmodSync(path, 0o400);
  await refuses(dataDir, path);
  chmodSync(path, 0o600);
  expect(await started({ DATA_DIR: dataDir }, { wrap }).ready()).toStartWith("http://");
}, 30_000);

describe.skipIf(!Bun.which("prlimit"))("while every write fails", () => {
  const limitWrites = (pid: number, bytes: string) =>
    Bun.spawnSync(["prlimit", `--pid=${pid}`, `--fsize=${bytes}:unlimited`]);

  test("it is not ready and says why, reads work, and afterwards it is ready again", async () => {
    const dataDir = newFolder();
    const it = started({ DATA_DIR: dataDir, LEASE_SECONDS: "2" });
    await it.ready();
    const { json: request } = await it.ask("/requests", { payload: 1 });
    limitWrites(it.child.pid, "0");
    expect((await it.ask("/requests", { payload: 2 })).status).toBe(503);
    const { status, json } = await it.ask("/ready");
    const reason = "sate.db cannot be written: the disk reports an error (SQLITE_IOERR_WRITE).";
    expect([status, json.reasons]).toEqual([503, [reason]]);
    expect((await it.ask(`/requests/${request.id}`)).status).toBe(200);
    const logged = it.log().filter(({ level }) => level === "error");
    expect(logged).toMatchObject([
      { message: reason, code: "SQLITE_IOERR_WRITE", path: join(dataDir, "sate.db") },
    ]);
    limitWrites(it.child.pid, "unlimited");
    // No request is needed: its own heartbeats notice.
    await until("it is ready again", async () => (await it.ask("/ready")).status === 200);
    expect((await it.ask("/requests", { payload: 3 })).status).toBe(201);
  }, 30_000);

  test("from the start, it does not start", async () => {
    const dataDir = newFolder();
    opened(dataDir).close();
    const limit = ["prlimit", "--fsize=0:unlimited"];
    const { code, said } = await refusal({ DATA_DIR: dataDir }, { wrap: limit });
    expect([code, said]).toEqual([
      73,
      expect.stringMatching(/cannot be used: the disk reports an error .*\n$/),
    ]);
    expect(said.split("\n")).toHaveLength(2);
  });
});

test.skipIf(!Bun.which("systemd-analyze"))("systemd accepts the unit of the README", async () => {
  const readme = readFileSync(join(root, "standalone/README.md"), "utf8");
  const unit = /^```ini\n(\[Unit\][\s\S]*?)^```$/m.exec(readme)?.[1] ?? "";
  const path = join(newFolder(), "sate.service");
  writeFileSync(path, unit.replaceAll("/usr/local/bin/bun", process.execPath));
  const { exitCode, stderr } = Bun.spawnSync(["systemd-analyze", "verify", path]);
  expect([exitCode, stderr.toString()]).toEqual([0, ""]);
  for (const [, command = ""] of unit.matchAll(/^Exec\w+=\/usr\/local\/bin\/bun.* (standalone\S*)/gm)) {
    expect(statSync(join(root, command))).toBeTruthy();
  }
});

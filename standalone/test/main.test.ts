import { afterEach, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root, run } from "./process.ts";
import { newFolder, opened } from "./sqlite/opened.ts";
import { temporaryFolder } from "./temporary-folder.ts";
import { until } from "./until.ts";

const folder = temporaryFolder();
const running: ReturnType<typeof run>[] = [];
afterEach(() => {
  for (const { child } of running.splice(0)) child.kill("SIGKILL");
});

function started(...[env, how]: Parameters<typeof run>) {
  const made = run({ DATA_DIR: newFolder(folder), ...env }, how);
  running.push(made);
  return made;
}

const refusal = (...args: Parameters<typeof run>) => started(...args).ended();

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
    // The commands that it shows work as they are, but for the key.
    const { try: example } = (await (await fetch(url)).json()) as { try: string };
    for (const shown of [it.text(), example]) {
      expect(shown.includes("Authorization: Bearer <your API key>")).toBe(status === 401);
    }
    it.child.kill("SIGTERM");
    expect(await it.ended()).toEqual({ code: 0, said: "" });
  }, 30_000);
}

test("a processor module that cannot be loaded is named with the reason", async () => {
  const processors = newFolder(folder);
  writeFileSync(join(processors, "broken.ts"), "export default {};");
  const { code, said } = await refusal({ PROCESSORS_DIR: processors });
  expect(code).toBe(78);
  expect(said).toContain("The processor module broken.ts cannot be loaded: It has no");
});

describe("a data folder that cannot be used is refused in one sentence", () => {
  /** As somebody who is not root, whoever runs the tests. */
  const wrap = process.getuid?.() === 0 ? ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] : [];
  const expected = (path: string, what: string) =>
    `The data folder ${path} cannot be used: ${what}, or choose another folder with DATA_DIR.\n`;
  const notWritable = (path: string) =>
    `it cannot be written by this user (EACCES, ${path}); give the user read and write access to the folder and its files`;

  test("a second process names the first", async () => {
    const dataDir = newFolder(folder);
    const file = opened(dataDir);
    const said = `Process ${process.pid} is using ${dataDir}: stop it, or choose another folder with DATA_DIR.\n`;
    expect(await refusal({ DATA_DIR: dataDir })).toEqual({ code: 73, said });
    file.close();
  });

  test("a newer version", async () => {
    const dataDir = newFolder(folder);
    const file = opened(dataDir);
    file.db.run("PRAGMA user_version = 99");
    file.close();
    const { code, said } = await refusal({ DATA_DIR: dataDir });
    expect(code).toBe(78);
    expect(said.split("\n")).toEqual([expect.stringContaining("has schema version 99"), ""]);
  });

  test("a folder that others own, and one that cannot be made", async () => {
    const dataDir = newFolder(folder);
    chmodSync(dataDir, 0o500);
    const path = join(dataDir, "sate.db");
    expect(await refusal({ DATA_DIR: dataDir }, { wrap })).toEqual({
      code: 73,
      said: expected(dataDir, notWritable(path)),
    });
    const below = join(dataDir, "data");
    expect(await refusal({ DATA_DIR: below }, { wrap })).toEqual({
      code: 73,
      said: expected(below, notWritable(below)),
    });
  });

  test("read-only files; it starts when they are writable again", async () => {
    const dataDir = newFolder(folder);
    opened(dataDir).close();
    const path = join(dataDir, "sate.db");
    chmodSync(path, 0o400);
    expect(await refusal({ DATA_DIR: dataDir }, { wrap })).toEqual({
      code: 73,
      said: expected(dataDir, notWritable(path)),
    });
    chmodSync(path, 0o600);
    expect(await started({ DATA_DIR: dataDir }, { wrap }).ready()).toStartWith("http://");
  }, 30_000);

  test("pid is a folder", async () => {
    const dataDir = newFolder(folder);
    mkdirSync(join(dataDir, "pid"));
    const what = `a file is where a folder must be, or the other way round (EISDIR, ${join(dataDir, "pid")}); move it away`;
    expect(await refusal({ DATA_DIR: dataDir })).toEqual({ code: 73, said: expected(dataDir, what) });
  });
});

describe.skipIf(!Bun.which("prlimit"))("while every write fails", () => {
  const limitWrites = (pid: number, bytes: string) =>
    Bun.spawnSync(["prlimit", `--pid=${pid}`, `--fsize=${bytes}:unlimited`]);

  test("it is not ready and says why, reads work, and afterwards it is ready again", async () => {
    const dataDir = newFolder(folder);
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
    // Nobody asks it to write: its own heartbeats find out.
    await until("it is ready again", async () => (await it.ask("/ready")).status === 200);
    expect((await it.ask("/requests", { payload: 3 })).status).toBe(201);
  }, 30_000);

  test("from the start, it does not start", async () => {
    const dataDir = newFolder(folder);
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
  const path = join(newFolder(folder), "sate.service");
  writeFileSync(path, unit.replaceAll("/usr/local/bin/bun", process.execPath));
  const { exitCode, stderr } = Bun.spawnSync(["systemd-analyze", "verify", path]);
  expect([exitCode, stderr.toString()]).toEqual([0, ""]);
  for (const [, command = ""] of unit.matchAll(/^Exec\w+=\/usr\/local\/bin\/bun.* (standalone\S*)/gm)) {
    expect(statSync(join(root, command))).toBeTruthy();
  }
});

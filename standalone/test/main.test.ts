import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newFolder, opened } from "./sqlite/opened.ts";

const script = join(import.meta.dir, "../src/main.ts");
const folder = mkdtempSync(join(tmpdir(), "sate-standalone-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Standalone as its users start it. */
function run(env: Record<string, string>) {
  return Bun.spawn([process.execPath, script], {
    env: { DATA_DIR: folder, PORT: "0", LOG_LEVEL: "info", ...env },
    stdout: "pipe",
    stderr: "pipe",
  });
}

test("it refuses to be reached by anybody without a word, and says what to do, with all other mistakes", async () => {
  const child = run({ HOST: "0.0.0.0", CONCURRENCY: "none" });
  expect(await child.exited).toBe(78);
  const said = await child.stderr.text();
  expect(said).toContain("CONCURRENCY must be");
  expect(said).toContain("set API_KEYS (`bun run key NAME read+submit` makes one), or ALLOW_ANONYMOUS=1");
});

for (const [name, env, status] of [
  ["without keys, on loopback", {}, 200],
  ["without keys, elsewhere, if that is said", { HOST: "0.0.0.0", ALLOW_ANONYMOUS: "1" }, 200],
  ["with keys", { HOST: "0.0.0.0", API_KEYS: `a:read:${"0".repeat(64)}` }, 401],
] as const) {
  test(`it starts ${name}, and answers ${status}`, async () => {
    const child = run(env);
    let port: number | undefined;
    let text = "";
    for await (const piece of child.stdout) {
      text += new TextDecoder().decode(piece);
      port = Number(/"listening".*"port":(\d+)/.exec(text)?.[1]) || undefined;
      if (port !== undefined && text.includes("Sate is ready")) break;
    }
    const get = async (path: string) => (await fetch(`http://127.0.0.1:${port}${path}`)).status;
    expect([await get("/live"), await get("/requests"), await get("/ready")]).toEqual([200, status, 200]);
    child.kill("SIGTERM");
    expect(await child.exited).toBe(0);
  }, 30_000);
}

/** What a process that may not start says, and its exit code. */
async function refusal(env: Record<string, string>): Promise<{ code: number; said: string }> {
  const child = run(env);
  return { code: await child.exited, said: await child.stderr.text() };
}

test("a second process on the same folder is refused in a sentence that names the first", async () => {
  const dataDir = newFolder(folder);
  const file = opened(dataDir);
  const { code, said } = await refusal({ DATA_DIR: dataDir });
  expect(code).toBe(73);
  expect(said).toBe(
    `Process ${process.pid} is using ${dataDir}: stop it, or choose another folder with DATA_DIR.\n`,
  );
  file.close();
});

test("a folder of a newer version is refused in a sentence, without a stack", async () => {
  const dataDir = newFolder(folder);
  const file = opened(dataDir);
  file.db.run("PRAGMA user_version = 99");
  file.close();
  const { code, said } = await refusal({ DATA_DIR: dataDir });
  expect(code).toBe(78);
  expect(said.split("\n")).toEqual([expect.stringContaining("has schema version 99"), ""]);
});

test("a processor module that cannot be loaded is named with the reason", async () => {
  const processors = newFolder(folder);
  writeFileSync(join(processors, "broken.ts"), "export default {};");
  const { code, said } = await refusal({ PROCESSORS_DIR: processors });
  expect(code).toBe(78);
  expect(said).toContain("The processor module broken.ts cannot be loaded: It has no");
});

import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * Runs of `bun run torture`: half a minute on standalone, 90 seconds on a cluster, and one of the planted bugs. The cluster
 * needs Java and Maven, since it kills servers, which must be its own.
 */
const folder = mkdtempSync(join(tmpdir(), "sate-torture-"));
const main = join(import.meta.dir, "../../src/torture/main.ts");

afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function run(...words: string[]) {
  const child = Bun.spawn([process.execPath, main, ...words], {
    env: { ...process.env, DATA_DIR: folder },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const said = await child.stdout.text();
  const code = await child.exited;
  if (code !== 0) console.log(said);
  return { code, said };
}

test("standalone keeps every guarantee for half a minute", async () => {
  expect((await run("--system", "standalone", "--seed", "1", "--minutes", "0.5")).code).toBe(0);
}, 300_000);

if (Bun.which("java") && Bun.which("mvn")) {
  test("a cluster keeps every guarantee for 90 seconds", async () => {
    expect((await run("--seed", "1", "--minutes", "1.5")).code).toBe(0);
  }, 600_000);

  // The others take half an hour: `bun run torture --bugs`.
  test("a planted bug is found: no outbox sweep", async () => {
    const said = expect.stringContaining("✓ found: 3. no outbox sweep");
    expect(await run("--bugs", "3")).toEqual({ code: 0, said });
  }, 900_000);
} else {
  test.skip("a cluster keeps every guarantee for 90 seconds: needs Java and Maven", () => {});
}

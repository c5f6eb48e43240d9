import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * Half a minute on standalone, and with `TORTURE=1` one seed of 90 seconds on a cluster, as `bun run torture` runs
 * them. The cluster needs Java: the proxies and the kills are for servers that it starts itself.
 */
const folder = mkdtempSync(join(tmpdir(), "sate-torture-"));
const main = join(import.meta.dir, "../src/main.ts");

afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function run(words: string[]): Promise<void> {
  const child = Bun.spawn([process.execPath, main, ...words], {
    env: { ...process.env, DATA_DIR: folder },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const said = await new Response(child.stdout).text();
  const code = await child.exited;
  const [, page] = /(?:passed|FAILED): (.*)$/m.exec(said) ?? [];
  if (code !== 0) console.log(page ? readFileSync(page, "utf8") : said);
  expect(code).toBe(0);
}

test(
  "standalone holds for half a minute",
  () => run(["--system", "standalone", "--seed", "1", "--minutes", "0.5"]),
  300_000,
);

// Several minutes with all that comes after the faults, so only where it is asked for: TORTURE=1.
if (Bun.env.TORTURE === "1") {
  test("a cluster holds for 90 seconds", () => run(["--seed", "1", "--minutes", "1.5"]), 600_000);
}

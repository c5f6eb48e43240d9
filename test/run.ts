import { existsSync } from "node:fs";
import { join } from "node:path";
import { changedFolders } from "./changed.ts";
import { contracts, folders, root, services, standalone } from "./folders.ts";

/**
 * `bun run test`: everything, from a bare clone. Each step prints as it goes; the last line is the sum.
 * Where a broker and databases can neither be reached nor started, what needs them is skipped, and the
 * summary says why. With CI=true a skipped test is a failure.
 *
 * `bun run test --quick`: in less than two minutes, what a change can break without servers: lint, types, and the
 * unit suites of the folders that differ from the default branch.
 */
type Counts = { passed: number; failed: number; skipped: number };

const total: Counts = { passed: 0, failed: 0, skipped: 0 };
const summary: string[] = [];
const stepMs = 15 * 60_000;

function note(name: string, { passed, failed, skipped }: Counts, seconds: number, why = ""): void {
  total.passed += passed;
  total.failed += failed;
  total.skipped += skipped;
  const counts = `${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ""}`;
  summary.push(`${failed ? "✗" : "✓"} ${name}: ${counts} (${seconds.toFixed(0)} s)${why && `: ${why}`}`);
  console.log(`${summary.at(-1)}\n`);
}

async function run(
  command: string[],
  cwd: string,
  env: Record<string, string>,
): Promise<{ code: number; output: string }> {
  const child = Bun.spawn(command, {
    cwd: join(root, cwd),
    env: { ...process.env, ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: stepMs,
  });
  let output = "";
  const pass = async (stream: ReadableStream<Uint8Array>) => {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      const text = decoder.decode(chunk, { stream: true });
      output += text;
      process.stdout.write(text);
    }
  };
  await Promise.all([pass(child.stdout), pass(child.stderr)]);
  return { code: await child.exited, output };
}

/** A step that passes or fails as a whole. */
async function check(name: string, command: string[], cwd = "."): Promise<void> {
  const start = performance.now();
  const { code } = await run(command, cwd, {});
  const counts = { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: 0 };
  note(name, counts, (performance.now() - start) / 1_000);
}

/** A step of `bun test`, whose own counts are taken. */
async function suite(
  name: string,
  cwd: string,
  env: Record<string, string> = {},
  which: string[] = [],
): Promise<void> {
  const start = performance.now();
  const { code, output } = await run([process.execPath, "test", ...which], cwd, env);
  const countOf = (word: string) => Number(new RegExp(`^\\s*(\\d+) ${word}$`, "m").exec(output)?.[1] ?? 0);
  const counts = { passed: countOf("pass"), failed: countOf("fail"), skipped: countOf("skip") };
  // A suite that broke off, or that ran nothing, has failed whatever it counted.
  if (counts.failed === 0 && (code !== 0 || counts.passed === 0)) counts.failed = 1;
  note(name, counts, (performance.now() - start) / 1_000);
}

/** The servers that adapter tests share, from `cluster`; they end with this process. */
async function startServers(): Promise<{ env: Record<string, string>; unavailable?: string }> {
  const child = Bun.spawn([process.execPath, join(root, "cluster/src/servers.ts")], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  child.unref();
  let text = "";
  for await (const chunk of child.stdout) {
    text += new TextDecoder().decode(chunk);
    if (text.includes("\n")) break;
  }
  const answer = JSON.parse(text.split("\n")[0] || '{"unavailable":"the servers did not start"}');
  return answer.unavailable ? { env: {}, unavailable: answer.unavailable } : { env: answer };
}

async function install(folder: string, ...options: string[]): Promise<void> {
  const command = [process.execPath, "install", "--frozen-lockfile", "--silent", ...options];
  const { code } = await run(command, folder, {});
  if (code !== 0) throw new Error(`bun install failed in ${folder}`);
}

async function lint(): Promise<void> {
  await check("biome", [process.execPath, "x", "biome", "check", "--error-on-warnings", "."]);
}

async function types(which: string[]): Promise<void> {
  for (const folder of which)
    await check(`tsc ${folder}`, [process.execPath, "x", "tsc", "--noEmit"], folder);
  await check("tsc test", [process.execPath, "x", "tsc", "--noEmit"]);
}

async function everything(): Promise<void> {
  for (const folder of [".", ...folders])
    await install(folder, ...(folder === standalone ? ["--force"] : []));
  await lint();
  await types(folders);

  const servers = await startServers();
  if (servers.unavailable) console.log(`Tests against real servers are skipped: ${servers.unavailable}\n`);
  for (const folder of folders.filter((name) => name !== "e2e")) {
    if (!existsSync(join(root, folder, "test"))) throw new Error(`${folder} has no tests`);
    await suite(folder, folder, servers.env);
  }
  await suite("the house: boundaries, twins, READMEs", ".");
  await suite("torture", "e2e", {}, ["test/torture"]);
  const scenarios = ["--path-ignore-patterns=test/torture/**"];
  await suite("e2e on standalone", "e2e", { SYSTEM: "standalone" }, scenarios);
  const unavailable = servers.unavailable;
  if (unavailable) note("e2e on cluster", { passed: 0, failed: 0, skipped: 1 }, 0, unavailable);
  else await suite("e2e on cluster", "e2e", { SYSTEM: "cluster" }, scenarios);
}

/** Without what starts servers, explores a model, needs a clone of its own, or waits for more than ten seconds. */
async function quick(): Promise<void> {
  const changed = changedFolders();
  const affected = folders.filter((folder) => {
    const uses = folder === contracts ? [] : folder === standalone ? [contracts, ...services] : [contracts];
    return [folder, ...uses].some((each) => changed.includes(each));
  });
  // Dependencies on our own folders are copies.
  for (const folder of affected) await install(folder, "--force");
  await lint();
  await types(affected);
  const slow = ["*.int.test", "model/*", "readme.test", "secrets.test", "flood.test", "listening.test"];
  const options = slow.map((name) => `--path-ignore-patterns=**/${name}.ts`);
  for (const folder of changed.filter((name) => name !== "e2e" && name !== "cluster"))
    await suite(folder, folder, {}, options);
  await suite("the house: boundaries, twins, settings", ".", {}, options);
}

const started = performance.now();
await (Bun.argv.includes("--quick") ? quick : everything)();
const mustNotSkip = process.env.CI === "true" && total.skipped > 0;
console.log(summary.join("\n"));
console.log(`in ${((performance.now() - started) / 60_000).toFixed(1)} minutes`);
if (mustNotSkip) console.log("With CI=true nothing may be skipped.");
console.log(
  `${total.passed} passed, ${total.failed} failed${total.skipped ? `, ${total.skipped} skipped` : ""}`,
);
process.exit(total.failed > 0 || mustNotSkip ? 1 : 0);

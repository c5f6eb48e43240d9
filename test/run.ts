import { join } from "node:path";
import { contracts, folders, root, services, standalone } from "./folders.ts";

/**
 * `bun run test`: everything, from a bare clone. The last line is the sum of all suites. Where a broker and databases
 * can neither be reached nor started, the tests that need them are skipped, and the summary says why. With CI=true a
 * skipped test is a failure.
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

/** Runs a command, and returns and prints its output: as it arrives if `isLive`, otherwise when the command has ended. */
async function run(command: string[], cwd: string, env: Record<string, string> = {}, isLive = true) {
  const child = Bun.spawn(command, {
    cwd: join(root, cwd),
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: stepMs,
  });
  const started = performance.now();
  let output = "";
  const pass = async (stream: ReadableStream<Uint8Array<ArrayBuffer>>) => {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      output += text;
      if (isLive) process.stdout.write(text);
    }
  };
  await Promise.all([pass(child.stdout), pass(child.stderr)]);
  const code = await child.exited;
  if (!isLive) process.stdout.write(output);
  return { code, output, seconds: (performance.now() - started) / 1_000 };
}

/** A step that passes or fails as a whole. */
async function check(name: string, command: string[], cwd = "."): Promise<void> {
  const { code, seconds } = await run(command, cwd);
  note(name, { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: 0 }, seconds);
}

/**
 * Runs `bun test` and adds up the counts that it prints. `shards`: the number of processes that share the test files, which
 * saves time where tests wait more than they compute.
 */
async function suite(
  name: string,
  cwd: string,
  env: Record<string, string> = {},
  options: string[] = [],
  shards = 1,
): Promise<void> {
  const processes = Array.from({ length: shards }, (_, at) => {
    const words = shards > 1 ? [`--shard=${at + 1}/${shards}`, ...options] : options;
    return run([process.execPath, "test", ...words], cwd, env, shards === 1);
  });
  const sum: Counts = { passed: 0, failed: 0, skipped: 0 };
  const ended = await Promise.all(processes);
  for (const { code, output } of ended) {
    const countOf = (word: string) => Number(new RegExp(`^\\s*(\\d+) ${word}$`, "m").exec(output)?.[1] ?? 0);
    const counts = { passed: countOf("pass"), failed: countOf("fail"), skipped: countOf("skip") };
    sum.passed += counts.passed;
    sum.skipped += counts.skipped;
    // A process that crashed or ran no test has failed, whatever it counted.
    sum.failed += counts.failed || Number(code !== 0 || counts.passed === 0);
  }
  note(name, sum, Math.max(...ended.map(({ seconds }) => seconds)));
}

/** The addresses of servers that adapter tests share, or why there are none. The servers end with this process. */
async function startServers(): Promise<Record<string, string>> {
  const child = Bun.spawn([process.execPath, join(root, "cluster/src/servers.ts")], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  child.unref();
  let text = "";
  for await (const chunk of child.stdout) {
    text += new TextDecoder().decode(chunk);
    if (text.includes("\n")) break;
  }
  return JSON.parse(text.split("\n")[0] || '{"unavailable":"the servers did not start"}');
}

async function install(folder: string, ...options: string[]): Promise<void> {
  const command = [process.execPath, "install", "--frozen-lockfile", "--silent", ...options];
  const { code } = await run(command, folder);
  if (code !== 0) throw new Error(`bun install failed in ${folder}`);
}

async function lintAndTypes(which: string[]): Promise<void> {
  const bunx = [process.execPath, "x"];
  await check("biome", [...bunx, "biome", "check", "--error-on-warnings", "."]);
  for (const folder of which) await check(`tsc ${folder}`, [...bunx, "tsc", "--noEmit"], folder);
  await check("tsc test", [...bunx, "tsc", "--noEmit"]);
}

async function everything(): Promise<void> {
  for (const folder of [".", ...folders])
    await install(folder, ...(folder === standalone ? ["--force"] : []));
  await lintAndTypes(folders);
  // As an editor sees them: they have no packages of their own.
  await check("tsc examples", [process.execPath, "x", "tsc", "--noEmit"], "examples");

  const { unavailable, ...addresses } = await startServers();
  if (unavailable) console.log(`Tests against real servers are skipped: ${unavailable}\n`);
  for (const folder of folders.filter((name) => name !== "e2e"))
    await suite(folder, folder, addresses, [], 2);
  await suite("the house: boundaries, twins, READMEs", ".");
  await suite("torture", "e2e", {}, ["test/torture"]);
  const scenarios = ["--path-ignore-patterns=test/torture/**"];
  await suite("e2e on standalone", "e2e", { SYSTEM: "standalone" }, scenarios, 2);
  if (unavailable) note("e2e on cluster", { passed: 0, failed: 0, skipped: 1 }, 0, unavailable);
  else await suite("e2e on cluster", "e2e", { SYSTEM: "cluster" }, scenarios, 2);
}

/** What git prints, or nothing where it fails: no such branch, or no repository. */
function git(...words: string[]): string {
  const { exitCode, stdout } = Bun.spawnSync(["git", ...words], { cwd: root, stderr: "ignore" });
  return exitCode === 0 ? stdout.toString().trim() : "";
}

/** The folders that differ from where this branch left the default branch, with what is not committed. */
function changedFolders(): string[] {
  const branch = git("symbolic-ref", "--short", "refs/remotes/origin/HEAD") || "main";
  const base = git("merge-base", "HEAD", branch) || "HEAD";
  const files = `${git("diff", "--name-only", base)}\n${git("ls-files", "--others", "--exclude-standard")}`;
  return folders.filter((folder) => files.split("\n").some((file) => file.startsWith(`${folder}/`)));
}

/** Without tests that start servers, explore a model, need a clone of their own, or wait for more than ten seconds. */
async function quick(): Promise<void> {
  const changed = changedFolders();
  const affected = folders.filter((folder) => {
    const uses = folder === contracts ? [] : folder === standalone ? [contracts, ...services] : [contracts];
    return [folder, ...uses].some((each) => changed.includes(each));
  });
  // Dependencies on our own folders are copies.
  for (const folder of affected) await install(folder, "--force");
  await lintAndTypes(affected);
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

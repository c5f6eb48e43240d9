/** `bun run torture`: one run with its report; exits with 1 if anything failed, 2 if the words are wrong. */
import { join, resolve } from "node:path";
import { bugs, isFound } from "./bugs.ts";
import { readOptions } from "./options.ts";
import { commandOf } from "./report.ts";
import { torture } from "./torture.ts";

const words = Bun.argv.slice(2);
if (words[0] === "--bugs") await findBugs(Number(words[1] ?? 0));
const read = readOptions(words, Math.floor(Math.random() * 1_000_000));
if (read.kind === "wrong") {
  for (const problem of read.problems) console.error(problem);
  process.exit(2);
}
const { options } = read;
const stamp = new Date().toISOString().replaceAll(/[:.]/g, "-");
const base = baseDir();
const dataDir = join(base, "torture", `${stamp}-${options.seed}`);
const started = performance.now();
const say = (text: string) =>
  console.log(`${((performance.now() - started) / 1_000).toFixed(0).padStart(5)} s  ${text}`);

console.log(`${commandOf(options)}\nIts data and report: ${dataDir}`);
const { report, page } = await torture(options, { dataDir, say });
for (const { number, name, checked, violations } of report.checks) {
  console.log(`${violations.length === 0 ? "✓" : "✗"} ${number}. ${name} (${checked} looked at)`);
  for (const violation of violations.slice(0, 5)) console.log(`    ${violation}`);
}
for (const { what, count } of report.sometimes)
  console.log(`${count > 0 ? "✓" : report.mustSeeAll ? "✗" : "·"} sometimes: ${what}: ${count}`);
if (report.missing.length > 0)
  console.log(`${report.mustDoAll ? "✗" : "·"} not done: ${report.missing.length} (named in the report)`);
console.log(`${report.isGood ? "passed" : "FAILED"}: ${page}`);
process.exit(report.isGood ? 0 : 1);

function baseDir(): string {
  return Bun.env.DATA_DIR ? resolve(Bun.env.DATA_DIR) : join(import.meta.dir, "../../../data");
}

/** `--bugs`, or `--bugs 3` for the third alone: each must be found, or the tester is no good. */
async function findBugs(only: number): Promise<never> {
  let missed = 0;
  for (const [index, bug] of bugs.entries()) {
    if (only > 0 && only !== index + 1) continue;
    const { found, how } = await isFound(bug, baseDir());
    if (!found) missed++;
    console.log(`${found ? "✓ found" : "✗ missed"}: ${index + 1}. ${bug.name}: ${how}`);
  }
  process.exit(missed > 0 ? 1 : 0);
}

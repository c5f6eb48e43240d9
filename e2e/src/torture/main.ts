/** `bun run torture`: one run with its report. Exits with 1 if a guarantee was broken, with 2 for wrong options. */
import { join, resolve } from "node:path";
import { root } from "../system/processes.ts";
import { notStarted } from "../system/system.ts";
import { bugs, isFound } from "./bugs.ts";
import { readOptions } from "./options.ts";
import { commandOf, summaryOf } from "./report.ts";
import { torture } from "./torture.ts";

const words = Bun.argv.slice(2);
const base = resolve(Bun.env.DATA_DIR || join(root, "data"));
if (words[0] === "--bugs") await findBugs(Number(words[1] ?? 0));
const options = readOptions(words, Math.floor(Math.random() * 1_000_000));
if ("problems" in options) {
  for (const problem of options.problems) console.error(problem);
  process.exit(2);
}
const stamp = new Date().toISOString().replaceAll(/[:.]/g, "-");
const dataDir = join(base, "torture", `${stamp}-${options.seed}`);
const started = performance.now();
const say = (text: string) =>
  console.log(`${((performance.now() - started) / 1_000).toFixed(0).padStart(5)} s  ${text}`);

console.log(`${commandOf(options)}\nData and report: ${dataDir}`);
const { report, page } = await torture(options, { dataDir, say }).catch((error: Error) => {
  // So a planted bug that keeps a process from getting ready is found, too.
  if (error.message.startsWith(notStarted)) console.log(`✗ 17. ${error.message}`);
  throw error;
});
console.log(`${summaryOf(report).join("\n")}: ${page}`);
process.exit(report.isGood ? 0 : 1);

/** `--bugs`, or `--bugs 3` for the third alone. Exits with 1 if one was not found. */
async function findBugs(only: number): Promise<never> {
  let missed = 0;
  for (const [index, bug] of bugs.entries()) {
    if (only > 0 && only !== index + 1) continue;
    const { found, how } = await isFound(bug, base);
    if (!found) missed++;
    console.log(`${found ? "✓ found" : "✗ missed"}: ${index + 1}. ${bug.name}: ${how}`);
  }
  process.exit(missed > 0 ? 1 : 0);
}

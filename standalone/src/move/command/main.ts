/** `bun run move`: moves everything from a standalone to the databases of the distributed system. */
import type { Compared } from "./compare.ts";
import { Failure } from "./failure.ts";
import { readOptions, usage } from "./options.ts";
import { createProgress, numberOf } from "./progress.ts";
import { runMove } from "./run.ts";

/** EX_USAGE of sysexits.h. */
const exUsage = 64;

const copied = `Everything that no longer changes was copied. The server continues to serve.
Run the command again without --copy-only to complete the move.`;

const read = readOptions(Bun.argv.slice(2), Bun.env);
if (read.kind === "help") {
  console.log(usage);
  process.exit(0);
}
if (read.kind === "wrong") {
  console.error(`${read.problem}\n\n${usage}`);
  process.exit(exUsage);
}

const progress = createProgress(process.stderr, () => performance.now());
const since = performance.now();
try {
  const moved = await runMove(read.options, progress);
  console.log(moved.kind === "copied" ? copied : reportOf(moved.compared));
  process.exit(0);
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  console.error(error.message);
  process.exit(error.exitCode);
}

function reportOf(compared: Compared[]): string {
  if (compared.length === 0) return "Everything was moved by an earlier run of this command.";
  const widest = Math.max(...compared.map(({ name }) => name.length));
  const lines = compared.map(({ name, count, source, target }) => {
    const sums = `source ${source.slice(0, 16)}  target ${target.slice(0, 16)}`;
    return `  ${name.padEnd(widest)}  ${numberOf(count).padStart(12)} records  ${sums}`;
  });
  const total = compared.reduce((sum, { count }) => sum + count, 0);
  const seconds = (performance.now() - since) / 1_000;
  return `Everything was moved and compared by count and SHA-256:
${lines.join("\n")}
${numberOf(total)} records in ${seconds.toFixed(1)} s. Now start the services of the distributed system.`;
}

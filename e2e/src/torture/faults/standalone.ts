import { statSync } from "node:fs";
import { join } from "node:path";
import { machineNs } from "../../runs/monotonic.ts";
import { childrenOf } from "../../system/children.ts";
import { failpoints } from "../../system/failpoints.ts";
import { type Announced, root, signal } from "../../system/processes.ts";
import { isReady, isReplaced, type System } from "../../system/system.ts";
import { isWithin } from "../../until.ts";
import { type Fault, fault, kept, type Nemesis } from "./fault.ts";
import { clockSet, killedAt, stops } from "./processes.ts";

const main = join(root, "standalone/src/main.ts");
const killsInARow = 12;
const targets = ["standalone"];

const current = (system: System) => system.processes()[0] as Announced;

async function isBack({ system }: Nemesis, before: Announced): Promise<boolean> {
  return (await isWithin(15_000, () => isReplaced(system, before))) && isReady(system, 15_000);
}

/** The same fault, after which standalone must be ready again. */
const andBack = (one: Fault): Fault => ({
  ...one,
  async run(nemesis) {
    const before = current(nemesis.system);
    const harm = { ...(await one.run(nemesis)), targets };
    if (harm.broken || (await isBack(nemesis, before))) return harm;
    return { ...harm, broken: "not ready again" };
  },
});

const kills = fault("F22", `kill -9 at random moments, ${killsInARow} in a row`, async (nemesis) => {
  let back = 0;
  for (let kill = 0; kill < killsInARow; kill++) {
    await Bun.sleep(nemesis.random.between(100, 1_500));
    const before = current(nemesis.system);
    signal(before.pid, "SIGKILL");
    if (await isBack(nemesis, before)) back++;
  }
  const outcome = `ready again ${back} times`;
  return kept(Array(killsInARow).fill("standalone"), back === killsInARow, outcome, `only ${outcome}`);
});

const fullDisk = fault("F12", "files cannot grow", async ({ system, fullDisks }) => {
  const prlimit = Bun.which("prlimit");
  if (!prlimit) throw new Error("prlimit is not installed");
  const { pid } = current(system);
  const limit = (bytes: number | string, to = pid) =>
    Bun.spawnSync([prlimit, `--pid=${to}`, `--fsize=${bytes}:unlimited`]);
  const fromNs = machineNs();
  limit(statSync(join(system.dataDir, "sate.db-wal")).size);
  await Bun.sleep(4_000);
  limit("unlimited");
  // Processes that were started meanwhile have inherited it.
  for (const child of childrenOf(system.dataDir)) limit("unlimited", child.pid);
  fullDisks.push({ pid, fromNs, toNs: machineNs() });
  return kept(targets, await isReady(system, 20_000), "ready again", "not ready after 20 s");
});

const second = fault("F21", "a second standalone on the same data", async ({ system }) => {
  const child = Bun.spawn([process.execPath, main], {
    env: { PATH: process.env.PATH, DATA_DIR: system.dataDir, PORT: "0" },
    stdio: ["ignore", "ignore", "pipe"],
    timeout: 20_000,
  });
  const said = await child.stderr.text();
  const code = await child.exited;
  const outcome = `ended with ${code}: ${said.trim().slice(0, 80)}`;
  return kept(targets, code !== 0 && code !== null, outcome, outcome);
});

/** What can happen to standalone: kills most of all. */
export const standaloneFaults: Fault[] = [
  ...[kills, kills, kills],
  ...Object.keys(failpoints).map((gap) => andBack(killedAt("F22", gap))),
  ...stops("standalone").map(andBack),
  fullDisk,
  second,
  // Standalone's own clock decides how long executions wait, so each waits up to half a minute more or less.
  clockSet("half a minute", 30_000),
];

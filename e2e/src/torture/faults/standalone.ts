import { statSync } from "node:fs";
import { join } from "node:path";
import { machineNs } from "../../runs/monotonic.ts";
import { failpoints } from "../../system/failpoints.ts";
import { root } from "../../system/processes.ts";
import { isReady } from "../../system/system.ts";
import { isWithin } from "../../until.ts";
import { type Fault, type Nemesis, signal } from "./fault.ts";
import { clockSet, killedAt, terminate } from "./processes.ts";

const main = join(root, "standalone/src/main.ts");
const killsInARow = 12;

async function restarted({ system }: Nemesis, pid: number): Promise<boolean> {
  return (
    (await isWithin(15_000, () => system.processes()[0]?.pid !== pid)) && (await isReady(system, 15_000))
  );
}

const kills: Fault = {
  id: "F22",
  name: `kill -9 at random moments, ${killsInARow} in a row`,
  async run(nemesis) {
    const { system, random } = nemesis;
    let back = 0;
    for (let kill = 0; kill < killsInARow; kill++) {
      await Bun.sleep(random.between(100, 1_500));
      const pid = system.processes()[0]?.pid as number;
      signal(pid, "SIGKILL");
      if (await restarted(nemesis, pid)) back++;
    }
    const outcome = `${back} times ready again`;
    const targets = Array(killsInARow).fill("standalone");
    return back === killsInARow ? { targets, outcome } : { targets, outcome, broken: `only ${outcome}` };
  },
};

/** What can happen to standalone: kills most of all. */
export const standaloneFaults: Fault[] = [
  kills,
  kills,
  kills,
  ...Object.keys(failpoints).map((gap): Fault => {
    const fault = killedAt("F22", gap);
    return {
      ...fault,
      async run(nemesis) {
        const pid = nemesis.system.processes()[0]?.pid as number;
        const harm = await fault.run(nemesis);
        if (harm.missed) return harm;
        const isBack = await restarted(nemesis, pid);
        return { ...harm, targets: ["standalone"], ...(!isBack && { broken: "not ready again" }) };
      },
    };
  }),
  ...[false, true].map(
    (again): Fault => ({
      id: "F7",
      name: again ? "SIGTERM, and a second one" : "SIGTERM",
      async run(nemesis) {
        const pid = nemesis.system.processes()[0]?.pid as number;
        const harm = await terminate(nemesis, { name: "standalone", pid }, again);
        if (harm.broken || harm.missed) return harm;
        return (await restarted(nemesis, pid)) ? harm : { ...harm, broken: "not ready again" };
      },
    }),
  ),
  {
    id: "F12",
    name: "no file may grow any more",
    async run({ system, fullDisks }) {
      const prlimit = Bun.which("prlimit");
      const pid = system.processes()[0]?.pid as number;
      if (!prlimit) return { targets: [], outcome: "there is no prlimit here", missed: true };
      const wal = statSync(join(system.dataDir, "sate.db-wal")).size;
      const fromNs = machineNs();
      Bun.spawnSync([prlimit, `--pid=${pid}`, `--fsize=${wal}:unlimited`]);
      await Bun.sleep(4_000);
      Bun.spawnSync([prlimit, `--pid=${pid}`, "--fsize=unlimited:unlimited"]);
      fullDisks.push({ pid, fromNs, toNs: machineNs() });
      const targets = ["standalone"];
      return (await isReady(system, 20_000))
        ? { targets, outcome: "ready again" }
        : { targets, outcome: "not ready after 20 s", broken: "not ready after 20 s" };
    },
  },
  {
    id: "F21",
    name: "a second standalone on the same data",
    async run({ system }) {
      const [first] = system.processes();
      const second = Bun.spawn([process.execPath, main], {
        env: { PATH: process.env.PATH, DATA_DIR: system.dataDir, PORT: "0" },
        stdio: ["ignore", "ignore", "pipe"],
        timeout: 20_000,
      });
      const said = await new Response(second.stderr).text();
      const code = await second.exited;
      const outcome = `ended with ${code}: ${said.trim().slice(0, 80)}`;
      const targets = ["standalone"];
      // A handler may have ended the first one, and then it is the second that runs.
      if (system.processes()[0]?.pid !== first?.pid) return { targets, outcome, missed: true };
      return code === 0 || code === null ? { targets, outcome, broken: outcome } : { targets, outcome };
    },
  },
  clockSet,
];

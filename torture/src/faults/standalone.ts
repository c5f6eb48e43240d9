import { statSync } from "node:fs";
import { join } from "node:path";
import { until } from "../until.ts";
import { type Fault, signal } from "./fault.ts";

const main = join(import.meta.dir, "../../../standalone/src/main.ts");
const killsInARow = 12;

async function restarted(system: Parameters<Fault["run"]>[0]["system"], pid: number): Promise<boolean> {
  return (await until(15_000, () => system.processes()[0]?.pid !== pid)) && (await system.ready(15_000));
}

const kills: Fault = {
  id: "F22",
  name: `kill -9 at random moments, ${killsInARow} in a row`,
  async run({ system, random }) {
    let back = 0;
    for (let kill = 0; kill < killsInARow; kill++) {
      await Bun.sleep(random.between(100, 1_500));
      const pid = system.processes()[0]?.pid as number;
      signal(pid, "SIGKILL");
      if (await restarted(system, pid)) back++;
    }
    return { targets: Array(killsInARow).fill("standalone"), outcome: `${back} times ready again` };
  },
};

/** What can happen to standalone: kills most of all. */
export const standaloneFaults: Fault[] = [
  kills,
  kills,
  kills,
  ...[1, 2].map(
    (times): Fault => ({
      id: "F7",
      name: times === 1 ? "SIGTERM" : "SIGTERM, and a second one",
      async run({ system }) {
        const pid = system.processes()[0]?.pid as number;
        signal(pid, "SIGTERM");
        if (times === 2) {
          await Bun.sleep(200);
          signal(pid, "SIGTERM");
        }
        const isBack = await restarted(system, pid);
        return {
          targets: ["standalone"],
          outcome: `${system.said().at(-1)}; ${isBack ? "ready again" : "not ready"}`,
        };
      },
    }),
  ),
  {
    id: "F12",
    name: "no file may grow any more",
    async run({ system }) {
      const prlimit = Bun.which("prlimit");
      const pid = system.processes()[0]?.pid as number;
      if (!prlimit) return { targets: [], outcome: "there is no prlimit here" };
      const wal = statSync(join(system.dataDir, "sate.db-wal")).size;
      Bun.spawnSync([prlimit, `--pid=${pid}`, `--fsize=${wal}:unlimited`]);
      await Bun.sleep(4_000);
      Bun.spawnSync([prlimit, `--pid=${pid}`, "--fsize=unlimited:unlimited"]);
      const isWell = await system.ready(20_000);
      return { targets: ["standalone"], outcome: isWell ? "ready again" : "not ready after 20 s" };
    },
  },
  {
    id: "F21",
    name: "a second standalone on the same data",
    async run({ system }) {
      const second = Bun.spawn([process.execPath, main], {
        env: { PATH: process.env.PATH, DATA_DIR: system.dataDir, PORT: "0" },
        stdio: ["ignore", "ignore", "pipe"],
        timeout: 20_000,
      });
      const said = await new Response(second.stderr).text();
      const code = await second.exited;
      if (code === 0 || code === null) throw new Error(`a second standalone ended with ${code}`);
      return { targets: ["standalone"], outcome: `refused with ${code}: ${said.trim().slice(0, 80)}` };
    },
  },
];

import { join } from "node:path";
import { until } from "../until.ts";
import type { System } from "./system.ts";

export type RemoteWorker = {
  pid(): number;
  /** SIGTERM, which ends the worker and its lease. Safe twice. */
  stop(): Promise<void>;
};

const program = join(import.meta.dir, "../runs/remote_worker.py");

/** The command of a remote worker in Python, and its environment. */
function spawn(url: string, env: Record<string, string>) {
  return Bun.spawn(["python3", program], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, SATE_URL: url, ...env },
    stdio: ["ignore", "inherit", "inherit"],
  });
}

/** Starts a remote worker, and resolves when it serves its processor. */
export async function startRemoteWorker(system: System, name = "acts-remote"): Promise<RemoteWorker> {
  const child = spawn(system.url, { PROCESSOR: name });
  await until(`${name} is served`, 60_000, async () => {
    const response = await fetch(`${system.url}/processors/${name}`);
    const { workers = [] } = (await response.json()) as { workers?: unknown[] };
    return response.ok && workers.length > 0;
  });
  return {
    pid: () => child.pid,
    async stop() {
      child.kill("SIGTERM");
      await child.exited;
    },
  };
}

/** Starts a remote worker that logs its runs, and restarts it whenever it ends, until it is stopped. */
export function keepRemoteWorker(system: System, name: string): RemoteWorker {
  const start = () => spawn(system.url, { PROCESSOR: name, RUN_LOG: system.runLog });
  let isStopping = false;
  let child = start();
  async function keep(): Promise<void> {
    while (!isStopping) {
      await child.exited;
      if (!isStopping) child = start();
    }
  }
  const kept = keep();
  return {
    pid: () => child.pid,
    async stop() {
      isStopping = true;
      child.kill("SIGTERM");
      await kept;
    },
  };
}

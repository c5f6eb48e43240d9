import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../src/supervise/deadline.ts";

export const mainFile = join(import.meta.dir, "../src/main.ts");
const startMs = 120_000;

/** Addresses of servers that nobody asks, so that none are started. */
export const noServers = {
  KAFKA_BROKERS: "127.0.0.1:1",
  REQUESTS_MONGO_URL: "mongodb://127.0.0.1:1/requests",
  RESULTS_MONGO_URL: "mongodb://127.0.0.1:1/results",
};

export type Process = { pid: number; port: number };
export type Cluster = {
  child: Bun.Subprocess;
  dataDir: string;
  /** All that it has printed. */
  text: () => string;
  /** As last announced. */
  processes: () => Map<string, Process>;
  process: (name: string) => Process;
  printed: (what: string | RegExp, deadlineMs?: number) => Promise<void>;
  /** Ends it however it is, and removes its data. */
  remove: () => Promise<void>;
};

/** Runs main.ts with the services that do nothing. `wrap` makes another command of it. */
export function startCluster(
  env: Record<string, string | undefined>,
  wrap: (command: string[]) => string[] = (command) => command,
): Cluster {
  const dataDir = env.DATA_DIR ?? mkdtempSync(join(tmpdir(), "sate-cluster-test-"));
  const { SCALE, SERVICE_TOKEN, ...own } = process.env;
  const child = Bun.spawn(wrap([process.execPath, mainFile]), {
    env: {
      ...own,
      PORT: "0",
      SHUTDOWN_SECONDS: "2",
      COMPOSE_FILE: join(import.meta.dir, "standin/compose.yaml"),
      DATA_DIR: dataDir,
      ...env,
    },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  let text = "";
  const read = async (stream: ReadableStream<Uint8Array>) => {
    const decoder = new TextDecoder();
    for await (const chunk of stream) text += decoder.decode(chunk, { stream: true });
  };
  void read(child.stdout);
  void read(child.stderr);

  const processes = () => {
    const lines = text.matchAll(/^([a-z][a-z0-9-]*) (\d+) (\d+)$/gm);
    return new Map(
      [...lines].map(([, name = "", pid, port]) => [name, { pid: Number(pid), port: Number(port) }]),
    );
  };
  return {
    child,
    dataDir,
    text: () => text,
    processes,
    process(name) {
      const found = processes().get(name);
      if (!found) throw new Error(`${name} was not announced:\n${text}`);
      return found;
    },
    async printed(what, deadlineMs = startMs) {
      const isThere = () => (typeof what === "string" ? text.includes(what) : what.test(text));
      if (!(await until(isThere, deadlineMs))) throw new Error(`${what} was not printed:\n${text}`);
    },
    async remove() {
      child.kill("SIGTERM");
      if (!(await until(() => child.exitCode !== null || child.signalCode !== null, 20_000)))
        child.kill("SIGKILL");
      if (!env.DATA_DIR) rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  // A process that has ended and that nobody has asked for is still in the table.
  const { stdout } = Bun.spawnSync(["ps", "-o", "stat=", "-p", `${pid}`]);
  return !/^\s*(Z|$)/.test(stdout.toString());
}

/** Resolves when none of them is left; says who is, otherwise. */
export async function allGone(cluster: Cluster, others: number[] = [], deadlineMs = 20_000): Promise<void> {
  const pids = [...[...cluster.processes().values()].map(({ pid }) => pid), ...others];
  if (await until(() => !pids.some(isAlive), deadlineMs)) return;
  throw new Error(`still alive: ${pids.filter(isAlive)}\n${cluster.text()}`);
}

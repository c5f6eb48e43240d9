import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { kafkaTopics } from "./topics-kafka.ts";
import { sqliteTopics } from "./topics-sqlite.ts";
import { until } from "./until.ts";

export type Announced = { name: string; pid: number; port: number };
export type TopicRecord = {
  key: Buffer | null;
  value: Buffer | null;
  headers: Record<string, string>;
};

/** The log of the running system, read and written past its services. */
export type Topics = {
  /** All that the topic holds now. */
  read(topic: string): Promise<TopicRecord[]>;
  publish(topic: string, records: TopicRecord[]): Promise<void>;
  close(): Promise<void>;
};

/** A running Sate, started as its users start it, and all that a fault needs to know of it. */
export type System = {
  kind: "standalone" | "cluster";
  url: string;
  dataDir: string;
  /** The handlers' own log of starts and ends. */
  runLog: string;
  topics(): Topics;
  /** The processes whose name begins so, as last announced. */
  processes(prefix?: string): Announced[];
  /** Resolves when every process that has a port of HTTP says that it is ready. */
  ready(): Promise<void>;
  stop(): Promise<void>;
};

const root = join(import.meta.dir, "../..");
const readyMs = 180_000;

export type Settings = Record<string, string>;

export async function startSystem(kind: System["kind"], settings: Settings): Promise<System> {
  const dataDir = mkdtempSync(join(tmpdir(), "sate-e2e-"));
  const runLog = join(dataDir, "runs.log");
  const port = await freePort();
  const env = {
    ...process.env,
    HOST: "127.0.0.1",
    PORT: String(port),
    DATA_DIR: dataDir,
    RUN_LOG: runLog,
    ...settings,
  };
  const url = `http://127.0.0.1:${port}`;
  const started = kind === "standalone" ? keepRunning(env, port) : runCluster(env);
  const topics = new Set<Topics>();

  const processes = (prefix = "") =>
    [...started.announced.values()].filter(({ name }) => name.startsWith(prefix));
  const system: System = {
    kind,
    url,
    dataDir,
    runLog,
    processes,
    topics() {
      const [broker] = processes("kafka");
      const made =
        kind === "standalone"
          ? sqliteTopics(dataDir, () => processes("standalone")[0]?.pid)
          : kafkaTopics(`127.0.0.1:${broker?.port}`);
      topics.add(made);
      return made;
    },
    ready: () =>
      until("every process is ready", readyMs, async () => {
        if (started.hasEnded()) throw new Error("the system has ended");
        const asked = processes().filter(({ name }) => name !== "kafka" && !name.startsWith("mongo"));
        if (asked.length === 0) return false;
        const answers = await Promise.all(
          asked.map(({ port }) =>
            fetch(`http://127.0.0.1:${port}/ready`, { signal: AbortSignal.timeout(2_000) }),
          ),
        );
        return answers.every(({ ok }) => ok);
      }).then(() => {}),
    async stop() {
      for (const one of topics) await one.close();
      await started.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
  try {
    await until("the system has announced its gateway", readyMs, () => {
      if (started.hasEnded()) throw new Error("the system has ended");
      return processes(kind === "standalone" ? "standalone" : "gateway").length > 0;
    });
    await system.ready();
  } catch (error) {
    await system.stop();
    throw error;
  }
  return system;
}

type Started = { announced: Map<string, Announced>; hasEnded(): boolean; stop(): Promise<void> };

/** Standalone under a supervisor, as its users run it on a server: started again, but not after an error of its own. */
function keepRunning(env: NodeJS.ProcessEnv, port: number): Started {
  const announced = new Map<string, Announced>();
  let isStopping = false;
  let hasFailed = false;
  let child: ChildProcess;
  const start = () => {
    child = spawn(process.execPath, [join(root, "standalone/src/main.ts")], {
      env,
      cwd: root,
      stdio: ["ignore", "ignore", "inherit"],
    });
    announced.set("standalone", { name: "standalone", pid: child.pid as number, port });
    child.once("exit", (code) => {
      hasFailed ||= code !== null && code !== 0;
      if (!isStopping && !hasFailed) start();
    });
  };
  start();
  return {
    announced,
    hasEnded: () => hasFailed,
    async stop() {
      isStopping = true;
      await end(child);
    },
  };
}

/** `name pid port` lines come whenever a process was started. */
function runCluster(env: NodeJS.ProcessEnv): Started {
  const announced = new Map<string, Announced>();
  const child = spawn(process.execPath, [join(root, "cluster/src/main.ts")], {
    env,
    cwd: root,
    stdio: ["ignore", "pipe", "inherit"],
  });
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on("line", (line) => {
    const [, name, pid, port] = /^([a-z][a-z0-9-]*) (\d+) (\d+)$/.exec(line) ?? [];
    if (name) announced.set(name, { name, pid: Number(pid), port: Number(port) });
  });
  return { announced, hasEnded: () => child.exitCode !== null, stop: () => end(child) };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), 40_000);
  await ended;
  clearTimeout(timer);
}

async function freePort(): Promise<number> {
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() });
  const { port } = server;
  await server.stop(true);
  return port as number;
}

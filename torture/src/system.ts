import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, openSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { clockEnvironment } from "./clocks.ts";
import { createFailpoints, type Failpoints, sweepGap } from "./failpoints.ts";
import {
  freePorts,
  instances,
  isServer,
  type Layout,
  type Link,
  makeLayout,
  scale,
  spare,
} from "./layout.ts";
import { until } from "./until.ts";
import { type Watch, watchProcesses } from "./watch.ts";

export type Announced = { name: string; pid: number; port: number };

export const leaseMs = 3_000;
export const maxFailures = 3;
export const concurrency = 24;
/** What a process has for its stop. The adapters of a listener have 9 s between them to close, when nobody answers. */
export const shutdownMs = (name: string) => (name.startsWith("results-listener") ? 10_000 : 5_000);
export const serviceToken = "torture-token-of-the-services";

/** A running Sate, as its users start it, and all that a nemesis needs to know of it. */
export type System = {
  kind: "cluster" | "standalone";
  url: string;
  dataDir: string;
  runLog: string;
  links: Link[];
  /** Addresses past the proxies, for whoever looks at the end. */
  kafka: string;
  requestsDb: string;
  resultsDb: string;
  /** The processes whose name begins so, as last announced, without those that are held back. */
  processes(prefix?: string): Announced[];
  /** All that were ever announced, as last announced. */
  announced(): Announced[];
  /** From now on these, and no others, are not started again when they end; a cluster only. */
  holdBack(names: string[]): void;
  failpoints: Failpoints;
  watch: Watch;
  /** How often a process of this name was started. */
  starts(): Record<string, number>;
  /** How processes of this name have ended so far: an exit code or the name of a signal, in order. */
  ends(name: string): string[];
  ready(deadlineMs: number): Promise<boolean>;
  /** Whether all of it has ended, which only `stop` should bring about. */
  hasEnded(): boolean;
  stop(): Promise<void>;
};

const stopEnvironment = (name: string) => ({ SHUTDOWN_SECONDS: String(shutdownMs(name) / 1_000) });

const root = join(import.meta.dir, "../..");
const startMs = 180_000;

export async function startSystem(kind: System["kind"], dataDir: string): Promise<System> {
  mkdirSync(dataDir, { recursive: true });
  const runLog = join(dataDir, "runs.log");
  writeFileSync(runLog, "");
  const { layout, links } =
    kind === "cluster" ? await makeLayout() : { layout: { ports: {}, detours: {} } as Layout, links: [] };
  const layoutFile = join(dataDir, "layout.json");
  layout.down = kind === "cluster" ? spare : [];
  layout.environment = Object.fromEntries(
    instances().map((name) => [name, { ...clockEnvironment(dataDir, name), ...stopEnvironment(name) }]),
  );
  const writeLayout = () => {
    writeFileSync(`${layoutFile}.new`, JSON.stringify(layout));
    renameSync(`${layoutFile}.new`, layoutFile);
  };
  writeLayout();
  const failpoints = createFailpoints(join(dataDir, "failpoints"), kind === "cluster" ? [sweepGap] : []);
  const [port] = (await freePorts(1)) as [number];
  const env = {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    HOST: "127.0.0.1",
    PORT: String(port),
    DATA_DIR: dataDir,
    RUN_LOG: runLog,
    LAYOUT: layoutFile,
    TEST_HANDLERS: "1",
    ...failpoints.environment,
    ...(kind === "standalone" && { ...clockEnvironment(dataDir, kind), ...stopEnvironment(kind) }),
    LEASE_SECONDS: String(leaseMs / 1_000),
    MAX_FAILURES: String(maxFailures),
    MAX_LOST: "5",
    CONFIRM_SECONDS: "2",
    CONCURRENCY: String(concurrency),
    EXECUTION_SECONDS: "8",
    PROCESSING_SECONDS: "0.05",
    LOG_LEVEL: "warn",
    SERVICE_TOKEN: serviceToken,
    SCALE: Object.entries(scale)
      .map(([name, count]) => `${name}=${count}`)
      .join(" "),
  };
  const started =
    kind === "standalone" ? keepStandalone(env, port, join(dataDir, "standalone.log")) : runCluster(env);
  const portOf = (name: string) => (layout.ports as Record<string, number>)[name];
  const running = (prefix = "") =>
    [...started.announced.values()].filter(
      ({ name }) => name.startsWith(prefix) && !layout.down?.includes(name),
    );
  const watch = watchProcesses(() => [...started.announced.values()]);
  const system: System = {
    kind,
    url: `http://127.0.0.1:${port}`,
    dataDir,
    runLog,
    links,
    kafka: `127.0.0.1:${portOf("kafka")}`,
    requestsDb: `mongodb://127.0.0.1:${portOf("requests-db")}/requests`,
    resultsDb: `mongodb://127.0.0.1:${portOf("results-db")}/results`,
    processes: running,
    announced: () => [...started.announced.values()],
    holdBack(names) {
      layout.down = names;
      writeLayout();
    },
    failpoints,
    watch,
    starts: () => Object.fromEntries(started.starts),
    ends: (name) => started.ends.filter((end) => end.name === name).map(({ how }) => how),
    ready: (deadlineMs) =>
      until(deadlineMs, async () => !started.hasEnded() && (await whoIsNotReady(system)).length === 0),
    hasEnded: started.hasEnded,
    async stop() {
      await started.stop();
      watch.stop();
      for (const { proxy } of links) await proxy.close();
    },
  };
  const expected = kind === "standalone" ? 1 : instances().length - spare.length;
  const isUp = await until(startMs, () => services(system).length >= expected || started.hasEnded());
  if (!isUp || !(await system.ready(startMs))) {
    await system.stop();
    throw new Error(`the system did not start: ${started.said.slice(-5).join(" / ")}`);
  }
  return system;
}

/** The processes that speak HTTP: all but the servers. */
export function services(system: System): Announced[] {
  return system.processes().filter(({ name }) => !isServer(name));
}

export type NotReady = Announced & { why: string };

/** Each with its own reasons. A process that has just ended, and is not announced again yet, counts. */
export async function whoIsNotReady(system: System): Promise<NotReady[]> {
  const asked = services(system).map(async (one) => {
    const answer = await fetch(`http://127.0.0.1:${one.port}/ready`, {
      signal: AbortSignal.timeout(2_000),
    }).catch(() => null);
    if (answer?.ok) return [];
    return [{ ...one, why: (await answer?.text().catch(() => "")) || "no answer" }];
  });
  return (await Promise.all(asked)).flat();
}

type Started = {
  announced: Map<string, Announced>;
  starts: Map<string, number>;
  ends: { name: string; how: string }[];
  said: string[];
  hasEnded(): boolean;
  stop(): Promise<void>;
};

/** Standalone under a supervisor, as on a server: started again, however it ended. */
function keepStandalone(env: NodeJS.ProcessEnv, port: number, logFile: string): Started {
  const announced = new Map<string, Announced>();
  const starts = new Map<string, number>();
  const ends: Started["ends"] = [];
  let isStopping = false;
  let child: ChildProcess;
  const log = openSync(logFile, "a");
  const install = [process.execPath, "install", "--cwd", "standalone", "--frozen-lockfile", "--silent"];
  const { success, stderr } = Bun.spawnSync(install, { cwd: root });
  if (!success) throw new Error(`what standalone needs could not be installed: ${stderr}`);
  const start = () => {
    child = spawn(process.execPath, [join(root, "standalone/src/main.ts")], {
      env,
      cwd: root,
      stdio: ["ignore", log, log],
    });
    announced.set("standalone", { name: "standalone", pid: child.pid as number, port });
    starts.set("standalone", (starts.get("standalone") ?? 0) + 1);
    child.once("exit", (code, signal) => {
      ends.push({ name: "standalone", how: signal ?? String(code) });
      if (!isStopping) setTimeout(start, 50);
    });
  };
  start();
  return {
    announced,
    starts,
    ends,
    said: [],
    hasEnded: () => false,
    async stop() {
      isStopping = true;
      await end(child);
    },
  };
}

/** `name pid port` lines come whenever a process was started; the others are for people. */
function runCluster(env: NodeJS.ProcessEnv): Started {
  const announced = new Map<string, Announced>();
  const starts = new Map<string, number>();
  const ends: Started["ends"] = [];
  const said: string[] = [];
  const child = spawn(process.execPath, [join(root, "cluster/src/main.ts")], {
    env,
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
  });
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream as NodeJS.ReadableStream }).on("line", (line) => {
      const [, ended, how] = /^([a-z][a-z0-9-]*) (?:ended with|was ended by) (\w+)/.exec(line) ?? [];
      if (ended && how) ends.push({ name: ended, how });
      const [, name, pid, port] = /^([a-z][a-z0-9-]*) (\d+) (\d+)$/.exec(line) ?? [];
      if (!name) return void said.push(line);
      announced.set(name, { name, pid: Number(pid), port: Number(port) });
      starts.set(name, (starts.get(name) ?? 0) + 1);
    });
  }
  return { announced, starts, ends, said, hasEnded: () => isOver(child), stop: () => end(child) };
}

const isOver = ({ exitCode, signalCode }: ChildProcess) => exitCode !== null || signalCode !== null;

async function end(child: ChildProcess): Promise<void> {
  if (isOver(child)) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), 60_000);
  await ended;
  clearTimeout(timer);
}

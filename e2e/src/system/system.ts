import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isWithin, until } from "../until.ts";
import { createFailpoints, type Failpoints } from "./failpoints.ts";
import { kafkaLog } from "./kafka.ts";
import { instances, isServer, type Layout, type Scale, writeLayout } from "./layout.ts";
import { freePorts } from "./ports.ts";
import { type Announced, keepStandalone, runCluster, type Started } from "./processes.ts";
import { sqliteTopics } from "./topics-sqlite.ts";

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
  /** Where the modules of e2e/processors write their own starts and ends. */
  runLog: string;
  failpoints: Failpoints;
  /** With it a process says why it is not ready. */
  serviceToken: string;
  /** The address of the broker; a cluster only. */
  kafka(): string;
  topics(): Topics;
  /** The processes whose name begins so, as last announced, without those that are held back. */
  processes(prefix?: string): Announced[];
  /** All that were ever announced, as last announced. */
  announced(): Announced[];
  /** From now on these, and no others, are not started again when they end; a cluster only. */
  holdBack(names: string[]): void;
  /** How often a process of each name was started. */
  starts(): Record<string, number>;
  /** How processes of this name have ended so far: an exit code or the name of a signal, in order. */
  ends(name: string): string[];
  /** Resolves when every process that speaks HTTP says that it is ready. */
  ready(): Promise<void>;
  /** Whether all of it has ended, which only `stop` should bring about. */
  hasEnded(): boolean;
  stop(): Promise<void>;
};

export type Settings = Record<string, string>;

export type SystemOptions = {
  settings: Settings;
  scale?: Scale;
  /** What of our own environment the system gets: all, if nothing else is said. */
  inherited?: Record<string, string | undefined>;
  /** A folder of its own that is removed in the end, if none is named. */
  dataDir?: string;
  /** As users run it: without anything that tests load into its processes. */
  isPlain?: boolean;
  /** Variables of single processes. */
  environmentOf?: (name: string) => Record<string, string>;
  layout?: Layout;
  /** Standalone is started again even after an error of its own. */
  survives?: boolean;
  /** These failpoints kill from the start. */
  armed?: string[];
};

const startMs = 180_000;
const preload = join(import.meta.dir, "../hooks/preload.ts");
const modules = join(import.meta.dir, "../../processors");

export async function startSystem(kind: System["kind"], options: SystemOptions): Promise<System> {
  const prepared = await prepare(kind, options);
  const { port, dataDir, env, names, layout } = prepared;
  const logFile = join(dataDir, "standalone.log");
  const started =
    kind === "standalone" ? keepStandalone(env, port, logFile, options.survives ?? false) : runCluster(env);
  const system = systemOf(kind, prepared, started);
  const expected = names.length - (layout.down?.length ?? 0);
  const isStarted = () => started.hasEnded() || services(system).length >= expected;
  try {
    await until("every process is started", startMs, isStarted);
    await system.ready();
    return system;
  } catch (error) {
    await system.stop();
    throw new Error(`the system did not start: ${started.lastWords()}`, { cause: error });
  }
}

type Prepared = Awaited<ReturnType<typeof prepare>>;

/** Its folder, its files, and the environment that it gets. */
async function prepare(kind: System["kind"], options: SystemOptions) {
  const { settings, scale = {}, inherited = process.env, isPlain = false } = options;
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), "sate-e2e-"));
  mkdirSync(dataDir, { recursive: true });
  const runLog = join(dataDir, "runs.log");
  writeFileSync(runLog, "");
  const failpoints = createFailpoints(join(dataDir, "failpoints"));
  for (const name of options.armed ?? []) failpoints.arm(name);
  const names = kind === "standalone" ? ["standalone"] : instances(scale);
  const forTests = { BUN_OPTIONS: `--preload=${preload}`, RUN_LOG: runLog, ...failpoints.environment };
  const environmentOf = (name: string) => ({ ...(!isPlain && forTests), ...options.environmentOf?.(name) });
  const environment = Object.fromEntries(names.map((name) => [name, environmentOf(name)]));
  const layout: Layout = { ports: {}, detours: {}, ...options.layout, environment };
  const layoutFile = join(dataDir, "layout.json");
  writeLayout(layoutFile, layout);
  const [port] = (await freePorts(1)) as [number];
  const counts = Object.entries(scale).map(([name, count]) => `${name}=${count}`);
  const env = {
    ...inherited,
    ...{
      HOST: "127.0.0.1",
      PORT: String(port),
      DATA_DIR: dataDir,
      LAYOUT: layoutFile,
      SCALE: counts.join(" "),
    },
    ...(!isPlain && { PROCESSORS_DIR: modules }),
    ...settings,
    ...environment.standalone,
  };
  const removesData = options.dataDir === undefined;
  const serviceToken = settings.SERVICE_TOKEN ?? "";
  return { port, dataDir, removesData, runLog, failpoints, serviceToken, names, layout, layoutFile, env };
}

function systemOf(kind: System["kind"], prepared: Prepared, started: Started): System {
  const { port, dataDir, removesData, runLog, failpoints, layout, layoutFile } = prepared;
  const topics = new Set<Topics>();
  const announced = () => [...started.announced.values()];
  const system: System = {
    kind,
    url: `http://127.0.0.1:${port}`,
    dataDir,
    runLog,
    failpoints,
    serviceToken: prepared.serviceToken,
    kafka: () => `127.0.0.1:${started.announced.get("kafka")?.port}`,
    topics() {
      const opened =
        kind === "standalone" ? sqliteTopics(dataDir, () => announced()[0]?.pid) : kafkaLog(system.kafka());
      topics.add(opened);
      return opened;
    },
    processes: (prefix = "") =>
      announced().filter(({ name }) => name.startsWith(prefix) && !layout.down?.includes(name)),
    announced,
    holdBack(held) {
      layout.down = held;
      writeLayout(layoutFile, layout);
    },
    starts: () => Object.fromEntries(started.starts),
    ends: (name) => started.ends.filter((end) => end.name === name).map(({ how }) => how),
    async ready() {
      const isReadyOrOver = async () => started.hasEnded() || (await whoIsNotReady(system)).length === 0;
      await until("every process is ready", startMs, isReadyOrOver);
      if (started.hasEnded()) throw new Error(`the system has ended: ${started.lastWords()}`);
    },
    hasEnded: started.hasEnded,
    async stop() {
      for (const one of topics) await one.close();
      await started.stop();
      if (removesData) rmSync(dataDir, { recursive: true, force: true });
    },
  };
  return system;
}

/** The processes that speak HTTP, of those whose name begins so: all but the servers. */
export function services(system: System, prefix = ""): Announced[] {
  return system.processes(prefix).filter(({ name }) => !isServer(name));
}

export type NotReady = Announced & { why: string };

/** Each with its own reasons. A process that has just ended, and is not announced again yet, counts. */
export async function whoIsNotReady(system: System): Promise<NotReady[]> {
  const asked = services(system).map(async (one) => {
    const answer = await fetch(`http://127.0.0.1:${one.port}/ready`, {
      headers: { authorization: `Bearer ${system.serviceToken}` },
      // Longer than the probes of what it needs may take.
      signal: AbortSignal.timeout(5_000),
    }).catch(() => null);
    if (answer?.ok) return [];
    return [{ ...one, why: (await answer?.text().catch(() => "")) || "no answer" }];
  });
  return (await Promise.all(asked)).flat();
}

/** Whether every process is ready within that time. */
export function isReady(system: System, deadlineMs: number): Promise<boolean> {
  return isWithin(deadlineMs, async () => !system.hasEnded() && (await whoIsNotReady(system)).length === 0);
}

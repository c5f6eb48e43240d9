import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { topics } from "@sate/contracts";
import { wallToMachineNs } from "../runs/monotonic.ts";
import { startEndpoint } from "../runs/trial-endpoint.ts";
import { isWithin, until } from "../until.ts";
import { createFailpoints, type Failpoints } from "./failpoints.ts";
import { kafkaLog } from "./kafka.ts";
import { instances, isServer, type Layout, type Scale, writeLayout } from "./layout.ts";
import { freePorts } from "./ports.ts";
import { type Announced, keepStandalone, type Processes, runCluster, signal } from "./processes.ts";
import { deadLettersIn, lookAtStandalone } from "./standalone-copy.ts";

export type TopicRecord = {
  key: Buffer | null;
  value: Buffer | null;
  headers: Record<string, string>;
};

/** A running Sate, started the way users start it, with everything that faults need. */
export type System = Processes & {
  kind: "standalone" | "cluster";
  url: string;
  dataDir: string;
  /** The file in which the modules of e2e/processors log their starts and ends. */
  runLog: string;
  failpoints: Failpoints;
  serviceToken: string;
  /** The address of the broker of a cluster. */
  kafka(): string;
  /** In a cluster those of the topic, in standalone those of its table. */
  deadLetters(): Promise<TopicRecord[]>;
  /** The processes whose name begins with `prefix`, as last announced, without those that are held back. */
  processes(prefix?: string): Announced[];
  /** From now on these processes of a cluster, and no others, are not started again when they end. */
  holdBack(names: string[]): void;
  /** Resolves when every service is ready. */
  ready(): Promise<void>;
};

export type SystemOptions = {
  settings: Record<string, string>;
  scale?: Scale;
  /** The environment that the system inherits. Default: that of this process. */
  inherited?: Record<string, string | undefined>;
  /** Default: a temporary folder, which is removed at the end. */
  dataDir?: string;
  /** As users run it: nothing is preloaded, and there are no processors but those of `processors`. */
  isPlain?: boolean;
  /** The folder of processors. Default: that of the tests. */
  processors?: string;
  /** Variables of single processes. */
  environmentOf?: (name: string) => Record<string, string>;
  layout?: Layout;
  /** Standalone is started again even after an error of its own. */
  survives?: boolean;
  /** Failpoints that kill from the start. */
  armed?: string[];
};

const startMs = 180_000;
/** How the error of a system that does not start begins. */
export const notStarted = "the system did not start";
const preload = join(import.meta.dir, "../hooks/preload.ts");

export async function startSystem(kind: System["kind"], options: SystemOptions): Promise<System> {
  const prepared = await prepare(kind, options);
  const { port, dataDir, env, names, layout } = prepared;
  const logFile = join(dataDir, "standalone.log");
  const { survives = false } = options;
  const processes = kind === "standalone" ? keepStandalone(env, port, logFile, survives) : runCluster(env);
  const system = systemOf(kind, prepared, processes);
  const expected = names.length - (layout.down?.length ?? 0);
  const isStarted = () => system.hasEnded() || services(system).length >= expected;
  try {
    await until("every process is started", startMs, isStarted);
    await system.ready();
    return system;
  } catch (error) {
    await system.stop();
    throw new Error(`${notStarted}: ${system.lastWords()}`, { cause: error });
  }
}

type Prepared = Awaited<ReturnType<typeof prepare>>;

/** Its folder, its files and its environment. */
async function prepare(kind: System["kind"], options: SystemOptions) {
  const { settings, scale = {}, inherited = process.env, isPlain = false } = options;
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), "sate-e2e-"));
  mkdirSync(dataDir, { recursive: true });
  const runLog = join(dataDir, "runs.log");
  writeFileSync(runLog, "");
  const failpoints = createFailpoints(join(dataDir, "failpoints"));
  for (const name of options.armed ?? []) failpoints.arm(name);
  const names = kind === "standalone" ? ["standalone"] : instances(scale);
  const forTests = {
    BUN_OPTIONS: `--preload=${preload}`,
    RUN_LOG: runLog,
    WALL_TO_MACHINE_NS: String(wallToMachineNs()),
    ...failpoints.environment,
  };
  const environmentOf = (name: string) => ({ ...(!isPlain && forTests), ...options.environmentOf?.(name) });
  const environment = Object.fromEntries(names.map((name) => [name, environmentOf(name)]));
  const layout: Layout = { ports: {}, detours: {}, ...options.layout, environment };
  const layoutFile = join(dataDir, "layout.json");
  writeLayout(layoutFile, layout);
  const [port] = (await freePorts(1)) as [number];
  const counts = Object.entries(scale).map(([name, count]) => `${name}=${count}`);
  const folder = options.processors ?? linkProcessors(dataDir, isPlain);
  const endpoint = options.processors || isPlain ? null : startEndpoint(folder);
  // Children of the services inherit it: it identifies their system, and keeps their files together.
  const temporary = join(dataDir, "tmp");
  mkdirSync(temporary, { recursive: true });
  const own = {
    HOST: "127.0.0.1",
    PORT: String(port),
    DATA_DIR: dataDir,
    TMPDIR: temporary,
    LAYOUT: layoutFile,
  };
  const env = {
    ...inherited,
    ...own,
    SCALE: counts.join(" "),
    PROCESSORS_DIR: folder,
    ...settings,
    ...environment.standalone,
  };
  const removesData = options.dataDir === undefined;
  const serviceToken = settings.SERVICE_TOKEN ?? "";
  return {
    port,
    dataDir,
    removesData,
    runLog,
    failpoints,
    serviceToken,
    names,
    layout,
    layoutFile,
    env,
    endpoint,
  };
}

/** A folder of links to the files of e2e/processors, which import others of e2e/src; empty if the system is plain. */
function linkProcessors(dataDir: string, isPlain: boolean): string {
  const folder = join(dataDir, "processors");
  mkdirSync(folder, { recursive: true });
  if (isPlain) return folder;
  const own = join(import.meta.dir, "../..");
  symlinkSync(join(own, "src"), join(dataDir, "src"));
  for (const name of readdirSync(join(own, "processors")))
    symlinkSync(join(own, "processors", name), join(folder, name));
  return folder;
}

function systemOf(kind: System["kind"], prepared: Prepared, processes: Processes): System {
  const { port, dataDir, removesData, runLog, failpoints, serviceToken, layout, layoutFile, endpoint } =
    prepared;
  const { announced, hasEnded, lastWords } = processes;
  const system: System = {
    ...processes,
    ...{ kind, dataDir, runLog, failpoints, serviceToken },
    url: `http://127.0.0.1:${port}`,
    kafka: () => `127.0.0.1:${announced().find(({ name }) => name === "kafka")?.port}`,
    deadLetters: () =>
      kind === "standalone"
        ? lookAtStandalone(dataDir, () => announced()[0]?.pid, deadLettersIn)
        : kafkaLog(system.kafka()).read(topics.deadLetters),
    processes: (prefix = "") =>
      announced().filter(({ name }) => name.startsWith(prefix) && !layout.down?.includes(name)),
    holdBack(held) {
      layout.down = held;
      writeLayout(layoutFile, layout);
    },
    async ready() {
      const isReadyOrOver = async () => hasEnded() || (await whoIsNotReady(system)).length === 0;
      await until("every process is ready", startMs, isReadyOrOver);
      if (hasEnded()) throw new Error(`the system has ended: ${lastWords()}`);
    },
    async stop() {
      await processes.stop();
      await endpoint?.stop();
      if (removesData) rmSync(dataDir, { recursive: true, force: true });
    },
  };
  return system;
}

/** The processes of Sate whose name begins with `prefix`, without servers. */
export function services(system: System, prefix = ""): Announced[] {
  return system.processes(prefix).filter(({ name }) => !isServer(name));
}

/** Whether another process of this name has been started since. */
export const isReplaced = (system: System, { name, pid }: Announced): boolean =>
  system.processes(name).some((one) => one.name === name && one.pid !== pid);

/** Sends SIGKILL, and resolves when the process has been started again. */
export async function killAndRestart(system: System, process: Announced): Promise<void> {
  signal(process.pid, "SIGKILL");
  await until(`${process.name} is started again`, 60_000, () => isReplaced(system, process));
}

/** The services that are not ready, with their reasons. One that has ended and is not announced again counts. */
export async function whoIsNotReady(system: System): Promise<(Announced & { why: string })[]> {
  const asked = services(system).map(async (one) => {
    const response = await fetch(`http://127.0.0.1:${one.port}/ready`, {
      headers: { authorization: `Bearer ${system.serviceToken}` },
      // Longer than its own probes may take.
      signal: AbortSignal.timeout(5_000),
    }).catch(() => null);
    if (response?.ok) return [];
    return [{ ...one, why: (await response?.text().catch(() => "")) || "no response" }];
  });
  return (await Promise.all(asked)).flat();
}

/** Whether every service is ready within the deadline. */
export function isReady(system: System, deadlineMs: number): Promise<boolean> {
  return isWithin(deadlineMs, async () => !system.hasEnded() && (await whoIsNotReady(system)).length === 0);
}

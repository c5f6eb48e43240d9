/**
 * The supervisor of the cluster, started by main.ts: servers, then services, then it keeps them running until its
 * standard input closes or it is told to stop. Lines `name pid port` are for programs, the others for people.
 */
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Addresses, givenAddresses } from "./addresses.ts";
import { type Compose, readCompose, serviceOf } from "./compose.ts";
import { until } from "./deadline.ts";
import { tryFileLock } from "./file-lock.ts";
import { freePort, isFree } from "./free-port.ts";
import { installPackages } from "./install.ts";
import { installJava } from "./java.ts";
import { addressesOf, freePorts } from "./java-servers.ts";
import { isDown, type Layout, listenersOf, readLayout, serverPorts } from "./layout.ts";
import { fileOutput, type Output, prefixedOutput } from "./output.ts";
import { folderOf, ownServices, type ProcessPlan, planProcesses } from "./plan.ts";
import { parseScale } from "./scale.ts";
import { loadSettings, type Settings } from "./settings.ts";
import { configurationExit, type Supervised, supervise, type Task } from "./supervised.ts";
import { serverTasks, serviceTask } from "./tasks.ts";
import { welcome } from "./welcome.ts";

const unavailableExit = 69; // EX_UNAVAILABLE of sysexits.h
const cacheDir = join(import.meta.dir, "../../.cache");
const serversMs = 90_000;
const serverStopMs = 15_000;
/** Beyond the time that a service gives itself. */
const graceMs = 3_000;

type Running = { supervised: Supervised; stopRank: number; stopMs: number };
const running: Running[] = [];
let ending: Promise<never> | undefined;

// What cannot be printed any more, because its reader is gone, is not printed.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => void end(0));
void endOfInput().then(() => end(0));
await start().catch((error: Error) => fail(1, [error.message]));

async function start(): Promise<void> {
  const loaded = loadSettings(Bun.env);
  if (loaded.kind === "wrong") return fail(configurationExit, loaded.problems);
  const { settings } = loaded;
  const compose = await readCompose(settings.composeFile);
  const scale = parseScale(settings.scale, ownServices(compose));
  if (scale.kind === "wrong") return fail(configurationExit, scale.problems);
  const port = settings.port || (await freePort());
  if (!(await isFree(settings.host, port))) {
    return fail(unavailableExit, [
      `Port ${port} of ${settings.host} is taken, or not ours to take. Set PORT to another.`,
    ]);
  }
  mkdirSync(settings.dataDir, { recursive: true });
  if (!tryFileLock(join(settings.dataDir, "lock"))) {
    return fail(unavailableExit, [
      `Another cluster is running on ${settings.dataDir}. Set DATA_DIR to another.`,
    ]);
  }

  const layout = readLayout(Bun.env.LAYOUT);
  const addresses = await startServers(settings, layout);
  const plans = await planned(compose, scale.of, { ...settings, port }, addresses, layout);
  await startServices(compose, plans, settings);
  const isReady = () => running.every(({ supervised }) => supervised.health() === "healthy");
  await until(() => isReady() || ending !== undefined, Number.POSITIVE_INFINITY, 200);
  if (ending) return;
  const host = settings.host === "0.0.0.0" ? "127.0.0.1" : settings.host;
  for (const line of welcome(`http://${host}:${port}`, logsOf(settings), addresses)) print(line);
}

/** Those that the environment names, or ours. Returns when they answer. */
async function startServers(settings: Settings, layout: Layout): Promise<Addresses> {
  const given = givenAddresses(Bun.env);
  if (given.kind === "wrong") return fail(configurationExit, [given.problem]);
  if (given.kind === "all") return given.addresses;
  const java = await installJava(cacheDir, print);
  if (java.kind === "unavailable") {
    const others = "With Docker, use docker compose up; or name servers that run already.";
    return fail(unavailableExit, [`The cluster cannot start: ${java.reason}. ${others}`]);
  }
  print("Starting Kafka and the databases.");
  const ports = serverPorts(await freePorts(), layout);
  const outputs = (name: string) => outputOf(name, settings);
  const listeners = listenersOf(layout);
  const tasks = await serverTasks(java, settings.dataDir, ports, { kind: "always" }, outputs, listeners);
  for (const task of tasks) launch(task, 0, serverStopMs);
  const answer = () => running.every(({ supervised }) => supervised.health() === "healthy");
  if (!(await until(() => answer() || ending !== undefined, serversMs))) {
    return fail(unavailableExit, [`Kafka or the databases did not start; see ${logsOf(settings)}.`]);
  }
  return addressesOf(ports);
}

async function planned(
  compose: Compose,
  scale: Map<string, number>,
  { host, port, composeFile }: Settings,
  addresses: Addresses,
  layout: Layout,
): Promise<ProcessPlan[]> {
  const count = [...scale.values()].reduce((sum, each) => sum + each, 0);
  const ports = new Set<number>();
  while (ports.size < count) ports.add(await freePort());
  const free = ports.values();
  return planProcesses(compose, scale, {
    root: dirname(composeFile),
    addresses,
    env: { SERVICE_TOKEN: crypto.randomUUID(), ...Bun.env },
    portOf: (name) => (name === "gateway-1" ? port : (layout.ports[name] ?? (free.next().value as number))),
    hostOf: (service) => (service === "gateway" ? host : "127.0.0.1"),
    bun: process.execPath,
    detours: layout.detours,
    environment: layout.environment,
  });
}

async function startServices(compose: Compose, plans: ProcessPlan[], settings: Settings): Promise<void> {
  if (ending) return;
  print("Installing the packages of the services.");
  const root = dirname(settings.composeFile);
  const folders = ownServices(compose).map((name) => folderOf(serviceOf(compose, name), root));
  const problem = await installPackages(folders, process.execPath);
  if (problem) return fail(unavailableExit, [problem]);
  print(`Starting ${plans.length} processes; their logs: ${logsOf(settings)}`);
  for (const plan of plans) {
    if (ending) return;
    // The servers have rank 0: whatever a service does on its way out, they are still there.
    const task = serviceTask(plan, outputOf(plan.name, settings));
    launch(task, plan.stopRank + 1, settings.shutdownMs + graceMs);
  }
}

function launch(task: Task, stopRank: number, stopMs: number): void {
  const supervised = supervise(task, {
    started: (name, pid, port) => print(`${name} ${pid} ${port}`),
    said: print,
    mayStart: () => !isDown(task.name, Bun.env.LAYOUT),
  });
  running.push({ supervised, stopRank, stopMs });
  void supervised.leftAlone.then((exitCode) => {
    if (exitCode === configurationExit) return end(configurationExit);
  });
}

function fail(exitCode: number, sentences: string[]): Promise<never> {
  for (const sentence of sentences) console.error(sentence);
  return end(exitCode);
}

/** Stops everything, those first that need the others, and ends this process. */
function end(exitCode: number): Promise<never> {
  ending ??= stopAll().then(() => process.exit(exitCode));
  return ending;
}

async function stopAll(): Promise<void> {
  if (running.length > 0) print("Stopping.");
  const ranks = [...new Set(running.map(({ stopRank }) => stopRank))].sort((a, b) => b - a);
  for (const rank of ranks) {
    const those = running.filter(({ stopRank }) => stopRank === rank);
    await Promise.all(those.map(({ supervised, stopMs }) => supervised.stop(stopMs)));
  }
  if (running.length > 0) print("Stopped.");
}

function outputOf(name: string, settings: Settings): Output {
  return settings.logs === "stdout" ? prefixedOutput(name, print) : fileOutput(logsOf(settings), name);
}

function logsOf({ dataDir, logs }: Settings): string {
  return logs === "stdout" ? "here, each line after its process's name" : join(dataDir, "logs");
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function endOfInput(): Promise<void> {
  for await (const _ of Bun.stdin.stream()) {
    // What is written to us means nothing.
  }
}

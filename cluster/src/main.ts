/**
 * `bun run cluster`: starts the servers, then the services of compose.yaml, and keeps them running until it is told to
 * stop. Lines `name pid port` are for programs, the others for people.
 */
import { mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Compose, ownServices, readCompose } from "./compose/compose.ts";
import { type ProcessPlan, planProcesses } from "./compose/plan.ts";
import { parseScale } from "./compose/scale.ts";
import { type Addresses, givenAddresses } from "./servers/addresses.ts";
import { installJava } from "./servers/java.ts";
import { addressesOf, javaServers, serverPorts } from "./servers/java-servers.ts";
import { freePort, freePorts, isFree } from "./servers/ports.ts";
import { until } from "./supervise/deadline.ts";
import { tryFileLock } from "./supervise/file-lock.ts";
import { launchers, onceAnyEnds } from "./supervise/launcher.ts";
import { chosenPorts, isDown, type Layout, listenersOf, readLayout } from "./supervise/layout.ts";
import { type LogFile, logFile } from "./supervise/log-file.ts";
import { run } from "./supervise/run.ts";
import { serviceProgram } from "./supervise/service.ts";
import { loadSettings, type Settings } from "./supervise/settings.ts";
import { type Exit, type Program, type Rules, type Supervised, supervise } from "./supervise/supervised.ts";
import { welcome } from "./supervise/welcome.ts";

// Of sysexits.h.
const exitCodes = { unavailable: 69, configuration: 78 };
const cacheDir = join(import.meta.dir, "../../.cache");
const serversMs = 90_000;
const serverStopMs = 15_000;
/** Beyond the time that a service gives itself. */
const graceMs = 3_000;
const serverFailuresMax = 3;
/** `bun run` passes on the Ctrl-C that the terminal sends to us as well: the second so soon is the same one. */
const sameKeyMs = 500;

type Running = { supervised: Supervised; stopRank: number; stopMs: number };
const running: Running[] = [];
let ending: Promise<never> | undefined;
let endingSince = 0;

// What cannot be printed any more, because its reader is gone, is not printed.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
const signals: NodeJS.Signals[] = ["SIGINT", "SIGTERM", ...(isHangupIgnored() ? [] : ["SIGHUP" as const])];
for (const signal of signals) process.on(signal, onSignal);
onceAnyEnds([process.ppid, ...launchers()], () => {
  console.error("The process that started the cluster has ended; stopping.");
  void end(0);
});
await start().catch((error: Error) => fail(exitCodes.configuration, [error.message]));

async function start(): Promise<void> {
  const loaded = loadSettings(Bun.env);
  if (loaded.kind === "wrong") return fail(exitCodes.configuration, loaded.problems);
  const { settings } = loaded;
  const compose = await readCompose(settings.composeFile);
  const scale = parseScale(settings.scale, ownServices(compose));
  if (scale.kind === "wrong") return fail(exitCodes.configuration, scale.problems);
  const layout = readLayout(Bun.env.LAYOUT);
  const port = settings.port || (await freePort());
  if (!(await isFree(settings.host, port))) {
    return fail(exitCodes.unavailable, [
      `Port ${port} of ${settings.host} is taken, or this user may not use it. Set PORT to another.`,
    ]);
  }
  mkdirSync(settings.dataDir, { recursive: true });
  if (!tryFileLock(join(settings.dataDir, "lock"))) {
    return fail(exitCodes.unavailable, [
      `Another cluster is running on ${settings.dataDir}. Set DATA_DIR to another.`,
    ]);
  }

  const addresses = await startServers(settings, layout);
  const plans = await planned(compose, scale.of, { ...settings, port }, addresses, layout);
  await startServices(plans, settings);
  await until(() => areReady() || ending !== undefined, Number.POSITIVE_INFINITY, 200);
  if (ending) return;
  const host = settings.host === "0.0.0.0" ? "127.0.0.1" : settings.host;
  for (const line of welcome(`http://${host}:${port}`, logsOf(settings), addresses)) print(line);
}

/** Those that the environment names, or ours. Resolves when they are ready. */
async function startServers(settings: Settings, layout: Layout): Promise<Addresses> {
  const given = givenAddresses(Bun.env);
  if (given.kind === "wrong") return fail(exitCodes.configuration, [given.problem]);
  if (given.kind === "all") return given.addresses;
  const java = await installJava(cacheDir, print);
  if (java.kind === "unavailable") {
    const others = "With Docker, use docker compose up; or name servers that run already.";
    return fail(exitCodes.unavailable, [`The cluster cannot start: ${java.reason}. ${others}`]);
  }
  print("Starting Kafka and the databases.");
  const ports = chosenPorts(await serverPorts(), layout);
  let isStarting = true;
  for (const server of await javaServers(java, settings.dataDir, ports, listenersOf(layout))) {
    const log = logFile(join(logsOf(settings), `${server.name}.log`));
    const restarts = ({ failedStarts }: Exit) => !isStarting || failedStarts < serverFailuresMax;
    const { ended } = launch(server, log, restarts, { stopRank: 0, stopMs: serverStopMs });
    void ended.then(({ how }) =>
      fail(exitCodes.unavailable, [
        `${server.name} ${how}, ${serverFailuresMax} times before it was ready. The end of its log:`,
        ...log.lastLines(10),
      ]),
    );
  }
  if (!(await until(() => areReady() || ending !== undefined, serversMs))) {
    return fail(exitCodes.unavailable, [`Kafka or the databases did not start; see ${logsOf(settings)}.`]);
  }
  isStarting = false;
  return addressesOf(ports);
}

async function planned(
  compose: Compose,
  scale: Map<string, number>,
  { host, port, composeFile }: Settings,
  addresses: Addresses,
  layout: Layout,
): Promise<ProcessPlan[]> {
  const free = await freePorts([...scale.values()].reduce((sum, each) => sum + each, 0));
  return planProcesses(compose, scale, {
    root: dirname(composeFile),
    addresses,
    env: { SERVICE_TOKEN: crypto.randomUUID(), ...Bun.env },
    portOf: (name) => (name === "gateway-1" ? port : (layout.ports[name] ?? (free.pop() as number))),
    hostOf: (service) => (service === "gateway" ? host : "127.0.0.1"),
    bun: process.execPath,
    layout,
  });
}

async function startServices(plans: ProcessPlan[], settings: Settings): Promise<void> {
  if (ending) return;
  print("Installing the packages of the services.");
  for (const cwd of new Set(plans.map((plan) => plan.cwd))) {
    await run([process.execPath, "install", "--frozen-lockfile", "--silent"], { cwd }).catch((error: Error) =>
      fail(exitCodes.unavailable, [`${cwd}: ${error.message}`]),
    );
  }
  print(`Starting ${plans.length} processes; their logs: ${logsOf(settings)}`);
  for (const plan of plans) {
    if (ending) return;
    const log = logFile(join(logsOf(settings), `${plan.name}.log`));
    // Where its settings are wrong, another start would not help.
    const restarts = ({ code }: Exit) => code !== exitCodes.configuration;
    // The servers have rank 0: whatever a service does while it stops, they are still there.
    const limits = { stopRank: plan.stopRank + 1, stopMs: settings.shutdownMs + graceMs };
    const { ended } = launch(serviceProgram(plan), log, restarts, limits);
    void ended.then(() => end(exitCodes.configuration));
  }
}

type Limits = Omit<Running, "supervised">;
function launch(program: Program, log: LogFile, restarts: Rules["restarts"], limits: Limits): Supervised {
  const supervised = supervise(program, {
    log,
    restarts,
    started: (name, pid, port) => print(`${name} ${pid} ${port}`),
    said: print,
    mayStart: () => !isDown(program.name, Bun.env.LAYOUT),
  });
  running.push({ supervised, ...limits });
  return supervised;
}

function areReady(): boolean {
  return running.every(({ supervised }) => supervised.isReady());
}

function onSignal(): void {
  if (!ending) return void end(0);
  if (performance.now() - endingSince < sameKeyMs) return;
  console.error("Killing everything.");
  for (const { supervised } of running) supervised.kill();
  process.exit(1);
}

function fail(exitCode: number, sentences: string[]): Promise<never> {
  for (const sentence of sentences) console.error(sentence);
  return end(exitCode);
}

/** Stops everything, those first that need the others, and ends this process. */
function end(exitCode: number): Promise<never> {
  endingSince ||= performance.now();
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

/** Whether SIGHUP was ignored when we started, as `nohup` has it: then it stays so. Known on Linux only. */
function isHangupIgnored(): boolean {
  try {
    const [, mask = "0"] = /^SigIgn:\s*([0-9a-f]+)/m.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
    return (BigInt(`0x${mask}`) & 1n) === 1n;
  } catch {
    return false;
  }
}

function logsOf({ dataDir }: Settings): string {
  return join(dataDir, "logs");
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

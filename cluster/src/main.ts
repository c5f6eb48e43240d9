/**
 * `bun run cluster`: starts the servers, then the services of compose.yaml, and keeps them running until it is
 * stopped. Lines `name pid port` are for programs, the others for people.
 */
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { planProcesses } from "./compose/plan.ts";
import { type Addresses, freePort, freePorts, isFree } from "./servers/addresses.ts";
import { installJava } from "./servers/java.ts";
import { addressesOf, javaServers, serverPorts } from "./servers/java-servers.ts";
import { until } from "./supervise/deadline.ts";
import { tryFileLock } from "./supervise/file-lock.ts";
import { launchers, onceAnyEnds } from "./supervise/launcher.ts";
import { listenersOf, readLayout } from "./supervise/layout.ts";
import { logFile } from "./supervise/log-file.ts";
import { run } from "./supervise/run.ts";
import { serviceProgram } from "./supervise/service.ts";
import { loadSettings, type Settings } from "./supervise/settings.ts";
import { type Program, type Rules, type Supervised, supervise } from "./supervise/supervised.ts";

// Of sysexits.h.
const exitCodes = { unavailable: 69, configuration: 78 };
const serversMs = 90_000;
const serverStopMs = 15_000;
/** Beyond the time that a service gives itself. */
const graceMs = 3_000;
const serverFailuresMax = 3;
/** `bun run` forwards the Ctrl-C that we also receive from the terminal: a second one this soon is the same key. */
const sameKeyMs = 500;

const running: { supervised: Supervised; stopRank: number }[] = [];
let ending: Promise<never> | undefined;
let endingSince = 0;

// Output that can no longer be printed, because its reader is gone, is dropped.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
const signals: NodeJS.Signals[] = ["SIGINT", "SIGTERM", ...(isHangupIgnored() ? [] : ["SIGHUP" as const])];
for (const signal of signals) process.on(signal, onSignal);
onceAnyEnds([process.ppid, ...launchers()], () => {
  console.error("The process that started the cluster has ended; stopping.");
  void end(0);
});
await start().catch((error: Error) => fail(exitCodes.configuration, error.message));

async function start(): Promise<void> {
  const settings = await loadSettings(Bun.env);
  const { host, dataDir } = settings;
  const port = settings.port || (await freePort());
  if (!(await isFree(host, port))) {
    const taken = `Port ${port} of ${host} is taken, or this user may not use it. Set PORT to another.`;
    return fail(exitCodes.unavailable, taken);
  }
  mkdirSync(dataDir, { recursive: true });
  if (!tryFileLock(join(dataDir, "lock"))) {
    const locked = `Another cluster is running on ${dataDir}. Set DATA_DIR to another.`;
    return fail(exitCodes.unavailable, locked);
  }
  const addresses = settings.addresses ?? (await startServers(settings));
  await startServices({ ...settings, port }, addresses);
  await until(() => areReady() || ending !== undefined, Number.POSITIVE_INFINITY, 200);
  if (ending) return;
  const url = `http://${host === "0.0.0.0" ? "127.0.0.1" : host}:${port}`;
  print(`
Sate is ready.
  address        ${url}
  API reference  ${url}/swagger
  try            curl -s ${url}/requests -H 'content-type: application/json' -H 'prefer: wait=30' -d '{"payload": {"message": "ping"}, "execute": true}'
  logs           ${settings.logsDir}`);
  // An address from the environment may contain a password.
  for (const [name, address] of Object.entries(addresses))
    print(`  ${name}=${address.replace(/\/\/[^@/]*@/, "//***@")}`);
  print("Ctrl-C stops it.\n");
}

/** Kafka and the databases. Resolves when they are ready. */
async function startServers({ dataDir, logsDir, layout }: Settings): Promise<Addresses> {
  const java = await installJava(print);
  if (java.kind === "unavailable") {
    const others = "With Docker, use docker compose up; or name servers that run already.";
    return fail(exitCodes.unavailable, `The cluster cannot start: ${java.reason}. ${others}`);
  }
  print("Starting Kafka and the databases.");
  const ports = { ...(await serverPorts()), ...layout.ports };
  let isStarting = true;
  for (const program of await javaServers(java, dataDir, ports, listenersOf(layout))) {
    const log = logFile(join(logsDir, `${program.name}.log`));
    const { ended } = launch(program, 0, {
      log,
      stopMs: serverStopMs,
      restarts: ({ failedStarts }) => !isStarting || failedStarts < serverFailuresMax,
    });
    void ended.then(({ how }) => {
      const times = `${serverFailuresMax} times before it was ready`;
      const lines = [`${program.name} ${how}, ${times}. The end of its log:`, ...log.lastLines(10)];
      return fail(exitCodes.unavailable, lines.join("\n"));
    });
  }
  if (!(await until(() => areReady() || ending !== undefined, serversMs)))
    return fail(exitCodes.unavailable, `Kafka or the databases did not start; see ${logsDir}.`);
  isStarting = false;
  return addressesOf(ports);
}

async function startServices(settings: Settings, addresses: Addresses): Promise<void> {
  const { compose, scale, layout, port, logsDir } = settings;
  const free = await freePorts(Object.values(scale).reduce((sum, each) => sum + each, 0));
  const plans = planProcesses(compose, scale, {
    ...settings,
    addresses,
    env: { SERVICE_TOKEN: crypto.randomUUID(), ...Bun.env },
    portOf: (name) => (name === "gateway-1" ? port : (layout.ports[name] ?? (free.pop() as number))),
  });
  if (ending) return;
  print("Installing the packages of the services.");
  for (const cwd of new Set(plans.map((plan) => plan.cwd))) {
    await run([process.execPath, "install", "--frozen-lockfile", "--silent"], { cwd }).catch((error: Error) =>
      fail(exitCodes.unavailable, `${cwd}: ${error.message}`),
    );
  }
  print(`Starting ${plans.length} processes; their logs: ${logsDir}`);
  for (const plan of plans) {
    if (ending) return;
    // The servers have rank 0: they stay until every service has stopped.
    const { ended } = launch(serviceProgram(plan), plan.stopRank + 1, {
      log: logFile(join(logsDir, `${plan.name}.log`)),
      stopMs: settings.shutdownMs + graceMs,
      // Where its settings are wrong, another start would not help.
      restarts: ({ code }) => code !== exitCodes.configuration,
    });
    void ended.then(() => end(exitCodes.configuration));
  }
}

function launch(program: Program, stopRank: number, rules: Omit<Rules, "mayStart" | "report">): Supervised {
  const mayStart = () => !readLayout(Bun.env.LAYOUT).down?.includes(program.name);
  const supervised = supervise(program, { ...rules, mayStart, report: print });
  running.push({ supervised, stopRank });
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

function fail(exitCode: number, text: string): Promise<never> {
  console.error(text);
  return end(exitCode);
}

/** Stops everything, dependents before what they depend on, and ends this process. */
function end(exitCode: number): Promise<never> {
  endingSince ||= performance.now();
  ending ??= stopAll().then(() => process.exit(exitCode));
  return ending;
}

async function stopAll(): Promise<void> {
  if (running.length === 0) return;
  print("Stopping.");
  const byRank = Map.groupBy(running, ({ stopRank }) => stopRank);
  for (const [, those] of [...byRank].sort(([one], [other]) => other - one))
    await Promise.all(those.map(({ supervised }) => supervised.stop()));
  print("Stopped.");
}

/** Whether SIGHUP was ignored at the start, as under `nohup`: then it stays ignored. Known on Linux only. */
function isHangupIgnored(): boolean {
  try {
    const [, mask = "0"] = /^SigIgn:\s*([0-9a-f]+)/m.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
    return (BigInt(`0x${mask}`) & 1n) === 1n;
  } catch {
    return false;
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/**
 * A broker and two databases for tests, as a process: prints one line of JSON, with their addresses or with the
 * reason why there are none, and ends all that it started when its standard input closes or on SIGTERM, SIGINT or
 * SIGHUP. Sentences for people go to standard error.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Addresses, givenAddresses } from "./servers/addresses.ts";
import { hasDocker, startContainers } from "./servers/containers.ts";
import { type Installed, installJava } from "./servers/java.ts";
import { addressesOf, javaServers, serverPorts } from "./servers/java-servers.ts";
import { inTime, until } from "./supervise/deadline.ts";
import { supervise } from "./supervise/supervised.ts";

const startMs = 60_000;
const stopMs = 10_000;
const endings: (() => Promise<unknown>)[] = [];

let isEnding = false;
async function end(exitCode: number): Promise<void> {
  if (isEnding) return;
  isEnding = true;
  const all = async () => {
    for (const ending of endings) await ending();
  };
  await inTime(all().catch(console.error), stopMs + 2_000);
  process.exit(exitCode);
}
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => void end(0));
void Bun.stdin
  .stream()
  .pipeTo(new WritableStream())
  .then(() => end(0));

const result = await start().catch(({ message }: Error) => ({ unavailable: message }));
console.log(JSON.stringify(result));
if ("unavailable" in result) await end(0);

async function start(): Promise<Addresses> {
  const given = givenAddresses(Bun.env);
  if (given) return given;
  if (await hasDocker()) {
    const { addresses, stop } = await startContainers();
    endings.push(stop);
    return addresses;
  }
  const java = await installJava(console.error);
  if (java.kind === "unavailable") throw new Error(`Docker does not respond; ${java.reason}`);
  return startJavaServers(java);
}

async function startJavaServers(java: Installed): Promise<Addresses> {
  const dataDir = await mkdtemp(join(tmpdir(), "sate-servers-"));
  const ports = await serverPorts();
  const rules = { restarts: () => false, stopMs, report: console.error };
  const servers = (await javaServers(java, dataDir, ports)).map((program) => supervise(program, rules));
  endings.push(() => Promise.all(servers.map((server) => server.stop())));
  endings.push(() => rm(dataDir, { recursive: true, force: true }));

  const ended = Promise.race(servers.map((server) => server.ended));
  const areReady = until(() => servers.every((server) => server.isReady()), startMs);
  if (!(await Promise.race([areReady, ended.then(() => false)])))
    throw new Error("Kafka or the databases did not start");
  void ended.then(() => end(1));
  return addressesOf(ports);
}

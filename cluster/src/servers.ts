/**
 * A broker and two databases for tests, as a process: prints one line of JSON, with their addresses or with the
 * reason why there are none, and ends all that it started when its standard input closes or on SIGTERM or SIGINT.
 * Sentences for a person go to standard error.
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { type Addresses, givenAddresses } from "./addresses.ts";
import { dockerAnswers, startContainers } from "./containers.ts";
import { inTime, until } from "./deadline.ts";
import { installJava } from "./java.ts";
import { addressesOf, freePorts, type Installed } from "./java-servers.ts";
import { standardError } from "./output.ts";
import { supervise } from "./supervised.ts";
import { serverTasks } from "./tasks.ts";
import { temporaryFolder } from "./temporary-folder.ts";

type Answer = Addresses | { unavailable: string };

const cacheDir = join(import.meta.dir, "../../.cache");
const startMs = 60_000;
const triesMax = 3;
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
process.on("SIGTERM", () => void end(0));
process.on("SIGINT", () => void end(0));
void endOfInput().then(() => end(0));

const answer = await start().catch(
  (error): Answer => ({ unavailable: `the servers did not start: ${error}` }),
);
console.log(JSON.stringify(answer));
if ("unavailable" in answer) await end(0);

async function start(): Promise<Answer> {
  const given = givenAddresses(Bun.env);
  if (given.kind === "all") return given.addresses;
  if (given.kind === "wrong") return { unavailable: given.problem };
  if (await dockerAnswers()) {
    const { addresses, stop } = await startContainers();
    endings.push(stop);
    return addresses;
  }
  const java = await installJava(cacheDir, console.error);
  if (java.kind === "unavailable") return { unavailable: `Docker does not answer; ${java.reason}` };
  return startJavaServers(java);
}

/** Another process may take a port in the second between its choice and its use: then all is tried again. */
async function startJavaServers(java: Installed): Promise<Answer> {
  const dataDir = await temporaryFolder();
  endings.push(() => rm(dataDir, { recursive: true, force: true }));
  for (let tries = 1; tries <= triesMax && !isEnding; tries++) {
    const addresses = await startOnce(java, join(dataDir, `${tries}`));
    if (addresses) return addresses;
  }
  return { unavailable: `the servers did not start within ${startMs / 1_000} s, ${triesMax} times` };
}

async function startOnce(java: Installed, dataDir: string): Promise<Addresses | undefined> {
  const ports = await freePorts();
  const tasks = await serverTasks(java, dataDir, ports, { kind: "never" }, () => standardError);
  const servers = tasks.map((task) => supervise(task, { started() {}, said: console.error }));
  const stop = () => Promise.all(servers.map((server) => server.stop(stopMs)));
  endings.unshift(stop);

  const ended = Promise.race(servers.map((server) => server.leftAlone));
  const areHealthy = () => servers.every((server) => server.health() === "healthy");
  if (await Promise.race([until(areHealthy, startMs), ended.then(() => false)])) {
    void ended.then(() => end(1));
    return addressesOf(ports);
  }
  await stop();
  return undefined;
}

async function endOfInput(): Promise<void> {
  for await (const _ of Bun.stdin.stream()) {
    // What is written to us means nothing.
  }
}

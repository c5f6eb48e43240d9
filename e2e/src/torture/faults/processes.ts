import { createClient } from "../../clients/client.ts";
import { recordingClient } from "../../clients/history.ts";
import { failpoints } from "../../system/failpoints.ts";
import { type Announced, signal } from "../../system/processes.ts";
import { isReplaced, services } from "../../system/system.ts";
import { isWithin } from "../../until.ts";
import { spare } from "../links.ts";
import { leaseMs, shutdownMs } from "../system.ts";
import { type Fault, fault, freeze, type Harm, kept, kill, type Nemesis, namesOf, victim } from "./fault.ts";
import { readyMs, recovered, recoverMs, throughEverything } from "./probe.ts";

const fireMs = 20_000;
const sessionMs = 10_000;
const hourMs = 3_600_000;
/** A process that has just started may receive a signal before it handles it. */
const goodEnds = ["0", "SIGTERM"];
const anyService = ["gateway", "requests-service", "processor", "results-listener", "results-service"];

const queued = 20_000;
const queuers = 48;
const drainMs = 20 * 60_000;

const killed = (id: string, what: string, ...prefixes: string[]): Fault =>
  fault(id, `kill -9 of ${what}`, async (nemesis) => {
    const { name, pid } = victim(nemesis, ...prefixes);
    await Bun.sleep(nemesis.random.between(0, 300));
    kill(pid, "SIGKILL");
    return { targets: [name], outcome: "killed" };
  });

/** Between what a sweep of the workers reads and what it writes. In a cluster its process is frozen there. */
const sweepGap = "requests-service.orphaned";

/** Arms a failpoint and waits until a process reaches it after `provoke`. Returns that process's pid. */
async function met({ system }: Nemesis, gap: string, mode: "kill" | "delay", provoke: () => void) {
  const { failpoints } = system;
  failpoints.arm(gap, mode);
  provoke();
  if (await isWithin(fireMs, () => !failpoints.isArmed(gap))) return failpoints.firedIn(gap);
  failpoints.disarm(gap);
  throw new Error("no process reached the failpoint");
}

const killAll = (those: Announced[]) => {
  for (const { pid } of those) signal(pid, "SIGKILL");
};

/** Kills the first process that reaches this gap between two writes. */
export const killedAt = (id: string, gap: string): Fault =>
  fault(id, `kill -9 at ${gap}`, async (nemesis) => {
    const { system } = nemesis;
    await met(nemesis, gap, "kill", () => {
      // It is reached only if a run is lost.
      const hosts = system.processes(system.kind === "standalone" ? "standalone" : "processor");
      if (failpoints[gap]?.met === "lost") killAll(hosts);
    });
    return { targets: [gap.replace(/\..*/, "")], outcome: "killed" };
  });

/** Sends SIGTERM, and perhaps another one. Returns how the process ended, or undefined if it did not end in time. */
async function ended({ system, random }: Nemesis, { name, pid }: Announced, again = false) {
  const before = system.ends(name).length;
  kill(pid, "SIGTERM");
  if (again) {
    await Bun.sleep(random.between(10, 500));
    signal(pid, "SIGTERM");
  }
  // Longer than the service gives itself.
  await isWithin(shutdownMs(name) + 3_000, () => system.ends(name).length > before);
  return system.ends(name).at(before);
}

/** After SIGTERM a process exits in time, with 0. */
async function terminated(nemesis: Nemesis, process: Announced, again = false): Promise<Harm> {
  const { name } = process;
  const how = await ended(nemesis, process, again);
  const outcome = how === undefined ? "did not end in time" : `ended with ${how}`;
  return kept([name], goodEnds.includes(how ?? ""), outcome, outcome);
}

export const stops = (...prefixes: string[]): Fault[] =>
  [false, true].map((again) =>
    fault("F7", again ? "SIGTERM, and a second one" : "SIGTERM", (nemesis) =>
      terminated(nemesis, victim(nemesis, ...prefixes), again),
    ),
  );

export const clockSet = (what: string, ms: number) =>
  fault("F23", `a wall clock set ${what} off`, async ({ system, random }) => {
    const { name } = random.pick(services(system));
    const offsetMs = random.pick([-1, 0, 1]) * (ms + random.between(0, ms));
    system.setClock(name, offsetMs);
    return { targets: [name], outcome: `set to ${(offsetMs / 60_000).toFixed(1)} minutes` };
  });

const sweeperFrozen = fault("F4", "a sweeper frozen before it requeues", async (nemesis) => {
  const { system, random } = nemesis;
  const pid = await met(nemesis, sweepGap, "delay", () =>
    // One processor stays healthy, and runs what is taken from the others before the sweeper continues.
    killAll(random.shuffled(system.processes("processor")).slice(1)),
  );
  const sweepers = system.processes("requests-service").filter((one) => one.pid === pid);
  if (sweepers.length === 0) throw new Error("the sweeper has already ended");
  return freeze(nemesis, sweepers, leaseMs * 3);
});

const rollingRestart = fault("F13", "rolling restart", async (nemesis) => {
  const { system, random } = nemesis;
  const those = system.processes(random.pick(["processor", "results-listener", "requests-service"]));
  const broken: string[] = [];
  for (const one of those) {
    const harm = await terminated(nemesis, one).catch(() => null); // It may have ended by itself.
    if (harm?.broken) broken.push(`${one.name} ${harm.broken}`);
    await isWithin(recoverMs, () => isReplaced(system, one));
  }
  return kept(namesOf(those), broken.length === 0, "all started again", broken.join(", "));
});

const scaled = fault("F13", "scaled from 3 to 1 to 4 and back to 3", async (nemesis) => {
  const { system } = nemesis;
  const others = system.processes("processor").slice(1);
  system.holdBack(namesOf(others));
  // One that has already ended is not started again.
  const ends = await Promise.all(others.map((one) => ended(nemesis, one).catch(() => "")));
  await Bun.sleep(leaseMs);
  system.holdBack([], []);
  const spares = () => system.announced().filter(({ name }) => spare.includes(name));
  const isUp = await isWithin(readyMs, () => spares().length > 0);
  const isThrough = (await throughEverything(nemesis, recoverMs)) !== null;
  system.holdBack([]);
  for (const one of spares()) await ended(nemesis, one).catch(() => {});
  const targets = [...namesOf(others), ...spare];
  if (ends.includes(undefined)) return kept(targets, false, "", "did not end in time");
  return kept(targets, isUp && isThrough, "continued", "no request succeeded");
});

async function coldStart(nemesis: Nemesis): Promise<Harm> {
  const { system, random } = nemesis;
  const all = system.processes();
  const names = random.shuffled(namesOf(all));
  system.holdBack(names);
  killAll(all);
  // A dependency of the others is late, sometimes by a minute.
  const pauseMs = random.between(0, 2_000);
  const lateMs = random.next() < 0.3 ? 60_000 : 5_000;
  const late = random.pick(["kafka", "mongo", "requests-service-1", "results-service-1"]);
  const first = names.filter((name) => name !== late);
  for (const [at] of first.entries()) {
    system.holdBack([late, ...first.slice(at + 1)]);
    await Bun.sleep(pauseMs);
  }
  await Bun.sleep(lateMs);
  system.holdBack([]);
  const harm = await recovered(nemesis, names, 2 * recoverMs);
  return { ...harm, outcome: `${late} started ${lateMs / 1_000} s late; ${harm.outcome}` };
}

/** Executions wait while there is no processor. Then all processors return. */
async function backlog({ system, history, store }: Nemesis): Promise<Harm> {
  const those = system.processes("processor");
  system.holdBack(namesOf(those));
  for (const { pid } of those) signal(pid, "SIGTERM");
  let left = queued;
  let accepted = 0;
  const api = recordingClient(createClient(system.url), history);
  const queuer = async () => {
    while (left-- > 0) {
      const token = `backlog-${left}`;
      const payload = `{"token":"${token}"}`;
      const requestId = await api.submit({ token, payload, processor: "trial-fast" });
      if (requestId !== null && (await api.execute(requestId)).id !== null) accepted++;
    }
  };
  await Promise.all(Array.from({ length: queuers }, queuer));
  const waiting = await store.active();
  const since = performance.now();
  system.holdBack([]);
  // The load continues, so some are always active.
  const isDrained = await isWithin(drainMs, async () => (await store.active()) < queued / 40, 2_000);
  const seconds = ((performance.now() - since) / 1_000).toFixed(0);
  const outcome = `${accepted} accepted, ${waiting} waited, drained in ${seconds} s`;
  return kept(namesOf(those), isDrained, outcome, `${accepted} accepted, not drained in ${seconds} s`);
}

const serverFaults = (server: "kafka" | "mongo"): Fault[] => [
  fault("F10", `${server} frozen for 25 s`, async (nemesis) => {
    const pid = nemesis.system.processes(server)[0]?.pid;
    kill(pid, "SIGSTOP");
    await Bun.sleep(25_000);
    signal(pid as number, "SIGCONT");
    return recovered(nemesis, [server]);
  }),
  fault("F10", `kill -9 of ${server}`, async (nemesis) => {
    const { system } = nemesis;
    const target = system.processes(server)[0] as Announced;
    kill(target?.pid, "SIGKILL");
    await isWithin(recoverMs, () => isReplaced(system, target));
    const addresses = server === "kafka" ? [system.kafka()] : [system.requestsDb, system.resultsDb];
    await isWithin(60_000, async () => (await Promise.all(addresses.map(isListening))).every(Boolean));
    return recovered(nemesis, [server]);
  }),
];

const frozen = (id: string, than: string, ms: number, ...prefixes: string[]): Fault =>
  fault(id, `SIGSTOP ${than}`, (nemesis) => freeze(nemesis, [victim(nemesis, ...prefixes)], ms));

export const processFaults: Fault[] = [
  killed("F1", "the gateway", "gateway"),
  killed("F2", "a process that writes, then publishes", "requests-service"),
  killed("F3", "a process that publishes, then clears its mark", "requests-service", "processor"),
  killed("F4", "a processor in the middle of its runs", "processor"),
  killed("F5", "a processor at its finish", "processor"),
  killed("F6", "a results-listener", "results-listener"),
  ...Object.entries(failpoints)
    .filter(([gap]) => gap !== sweepGap && gap !== "sqlite.committed")
    .map(([gap, one]) => killedAt(one.fault, gap)),
  sweeperFrozen,
  ...stops(...anyService),
  frozen("F8", "shorter than the lease", leaseMs / 3, "processor", "results-listener", "requests-service"),
  frozen("F9", "longer than the lease", leaseMs * 2.5, "processor"),
  frozen("F9", "longer than the group session", sessionMs * 1.5, "processor", "results-listener"),
  rollingRestart,
  scaled,
  fault("F19", "cold start of everything, in any order", coldStart, { mostMs: 240_000 }),
  fault("F20", "a queue builds up while all processors are frozen", (nemesis) =>
    freeze(nemesis, nemesis.system.processes("processor"), 15_000),
  ),
  fault("F20", `${queued} executions queued`, backlog, { mostMs: drainMs, fromMinutes: 30 }),
  clockSet("an hour", hourMs),
  ...(["kafka", "mongo"] as const).flatMap(serverFaults),
];

/** Whether a server listens at `host:port`, with or without a scheme and a path. */
async function isListening(address: string): Promise<boolean> {
  const [, port] = /:(\d+)(?:\/|$)/.exec(address) ?? [];
  const to = { hostname: "127.0.0.1", port: Number(port), socket: { data() {} } };
  const socket = await Bun.connect(to).catch(() => null);
  socket?.end();
  return socket !== null;
}

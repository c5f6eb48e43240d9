import { failpoints } from "../../system/failpoints.ts";
import { services } from "../../system/system.ts";
import { isWithin } from "../../until.ts";
import { spare } from "../links.ts";
import { leaseMs, shutdownMs } from "../system.ts";
import { type Fault, freeze, type Harm, type Nemesis, restarted, signal, victim } from "./fault.ts";
import { readyMs, recovered, recoverMs, throughEverything } from "./probe.ts";

const fireMs = 20_000;
/** Beyond the time that a service gives itself. */
const endMs = (name: string) => shutdownMs(name) + 3_000;
const sessionMs = 10_000;
const hourMs = 3_600_000;
/** What the handlers that end their process make of it: that is no fault of a stop. */
const handlersDoing = ["SIGKILL", "41"];

const kill = (id: string, what: string, ...prefixes: string[]): Fault => ({
  id,
  name: `kill -9 of ${what}`,
  async run(nemesis) {
    const { name, pid } = victim(nemesis, ...prefixes);
    await Bun.sleep(nemesis.random.between(0, 300));
    if (!signal(pid, "SIGKILL")) return { targets: [name], outcome: "was gone already", missed: true };
    return { targets: [name], outcome: "killed" };
  },
});

/** Between what a sweep of the workers saw and what it writes. In a cluster its process stands still there. */
const sweepGap = "requests-service.orphaned";

/** Answers whether somebody came to this gap between two writes, after `provoke`. */
async function isMet(
  { system }: Nemesis,
  gap: string,
  mode: "kill" | "delay",
  provoke: () => void,
): Promise<boolean> {
  system.failpoints.arm(gap, mode);
  provoke();
  const hasFired = await isWithin(fireMs, () => !system.failpoints.isArmed(gap));
  if (!hasFired) system.failpoints.disarm(gap);
  return hasFired;
}

/** Whoever comes first to this gap is killed in it. */
export const killedAt = (id: string, gap: string): Fault => ({
  id,
  name: `kill -9 at ${gap}`,
  async run(nemesis) {
    const isKilled = await isMet(nemesis, gap, "kill", () => {
      // Nobody comes by unless a run is lost.
      if (failpoints[gap]?.met === "lost")
        for (const { pid } of nemesis.system.processes("processor")) signal(pid, "SIGKILL");
    });
    const targets = [gap.replace(/\..*/, "")];
    return isKilled ? { targets, outcome: "killed" } : { targets, outcome: "nobody came by", missed: true };
  },
});

const anyService = ["gateway", "requests-service", "processor", "results-listener", "results-service"];

/** After SIGTERM a process ends in time, with 0. */
export async function terminate(
  nemesis: Nemesis,
  { name, pid }: { name: string; pid: number },
  again: boolean,
): Promise<Harm> {
  const { system, random } = nemesis;
  const before = system.ends(name).length;
  if (!signal(pid, "SIGTERM")) return { targets: [name], outcome: "was gone already", missed: true };
  if (again) {
    await Bun.sleep(random.between(10, 500));
    signal(pid, "SIGTERM");
  }
  const hasEnded = await isWithin(endMs(name), () => system.ends(name).length > before);
  if (!hasEnded) return { targets: [name], outcome: "did not end in time", broken: "did not end in time" };
  const how = system.ends(name).at(before) ?? "";
  // A process that has only just been started may meet the signal before it listens to it.
  const isWell = ["0", "SIGTERM", ...(name.startsWith("processor") ? handlersDoing : [])].includes(how);
  return { targets: [name], outcome: `ended with ${how}`, ...(!isWell && { broken: `ended with ${how}` }) };
}

export const clockSet: Fault = {
  id: "F23",
  name: "a wall clock set an hour forward or back",
  async run({ system, random }) {
    const { name } = random.pick(services(system));
    const offsetMs = random.pick([-1, 0, 1]) * (hourMs + random.between(0, hourMs));
    system.setClock(name, offsetMs);
    return { targets: [name], outcome: `set to ${(offsetMs / hourMs).toFixed(2)} h` };
  },
};

export const processFaults: Fault[] = [
  kill("F1", "the gateway", "gateway"),
  kill("F2", "who writes, then publishes", "requests-service"),
  kill("F3", "who publishes, then clears its mark", "requests-service", "processor"),
  kill("F4", "a processor in the middle of its runs", "processor"),
  kill("F5", "a processor about its finish", "processor"),
  kill("F6", "a results-listener", "results-listener"),
  ...Object.entries(failpoints)
    .filter(([gap]) => gap !== sweepGap && gap !== "sqlite.committed")
    .map(([gap, { fault }]) => killedAt(fault, gap)),
  {
    id: "F4",
    name: "a sweeper stands still before it puts back, and another runs it meanwhile",
    async run(nemesis) {
      const { system, random } = nemesis;
      const hasCome = await isMet(nemesis, sweepGap, "delay", () => {
        // One is well, and runs what is taken from the others.
        for (const { pid } of random.shuffled(system.processes("processor")).slice(1)) signal(pid, "SIGKILL");
      });
      const pid = system.failpoints.firedIn(sweepGap);
      const sweeper = system.processes("requests-service").find((one) => one.pid === pid);
      if (!hasCome || !sweeper) return { targets: [], outcome: "nobody came by", missed: true };
      await freeze(nemesis, sweeper, leaseMs * 3);
      return { targets: [sweeper.name], outcome: "went on" };
    },
  },
  ...[false, true].map(
    (again): Fault => ({
      id: "F7",
      name: again ? "SIGTERM, and a second one" : "SIGTERM",
      run: (nemesis) => terminate(nemesis, victim(nemesis, ...anyService), again),
    }),
  ),
  {
    id: "F8",
    name: "SIGSTOP shorter than the lease",
    async run(nemesis) {
      const target = victim(nemesis, "processor", "results-listener", "requests-service");
      await freeze(nemesis, target, leaseMs / 3);
      return { targets: [target.name], outcome: "went on" };
    },
  },
  {
    id: "F9",
    name: "SIGSTOP longer than the lease",
    async run(nemesis) {
      const target = victim(nemesis, "processor");
      await freeze(nemesis, target, leaseMs * nemesis.random.between(2, 3));
      return { targets: [target.name], outcome: "went on" };
    },
  },
  {
    id: "F9",
    name: "SIGSTOP longer than the session in the group",
    async run(nemesis) {
      const target = victim(nemesis, "processor", "results-listener");
      await freeze(nemesis, target, sessionMs * 1.5);
      return { targets: [target.name], outcome: "went on" };
    },
  },
  {
    id: "F13",
    name: "rolling restart",
    async run(nemesis) {
      const those = nemesis.system.processes(
        nemesis.random.pick(["processor", "results-listener", "requests-service"]),
      );
      const broken: string[] = [];
      for (const one of those) {
        const { broken: how } = await terminate(nemesis, one, false);
        if (how) broken.push(`${one.name} ${how}`);
        await restarted(nemesis, one.name, one.pid, recoverMs);
      }
      const targets = those.map(({ name }) => name);
      return {
        targets,
        outcome: "all started again",
        ...(broken.length > 0 && { broken: broken.join(", ") }),
      };
    },
  },
  {
    id: "F13",
    name: "scaled from 3 to 1 to 4 and back to 3",
    async run(nemesis) {
      const { system } = nemesis;
      const all = system.processes("processor");
      const others = all.slice(1);
      system.holdBack([...spare, ...others.map(({ name }) => name)]);
      const ends = await Promise.all(
        others.map((one) => {
          const before = system.ends(one.name).length;
          // One that is gone already is not started again.
          return signal(one.pid, "SIGTERM")
            ? isWithin(endMs(one.name), () => system.ends(one.name).length > before)
            : Promise.resolve(true);
        }),
      );
      await Bun.sleep(leaseMs);
      system.holdBack([]);
      const isUp = await isWithin(readyMs, () => system.announced().some(({ name }) => spare.includes(name)));
      const isThrough = (await throughEverything(nemesis, recoverMs)) !== null;
      system.holdBack(spare);
      for (const { name, pid } of system.announced().filter((one) => spare.includes(one.name))) {
        const before = system.ends(name).length;
        if (signal(pid, "SIGTERM")) await isWithin(endMs(name), () => system.ends(name).length > before);
      }
      const targets = [...others.map(({ name }) => name), ...spare];
      if (!ends.every(Boolean)) return { targets, outcome: "did not end", broken: "did not end in time" };
      return isUp && isThrough
        ? { targets, outcome: "went on" }
        : { targets, outcome: "did not go on", broken: "no request went through everything" };
    },
  },
  {
    id: "F19",
    name: "cold start of everything, in any order",
    mostMs: 240_000,
    async run(nemesis) {
      const { system, random } = nemesis;
      const all = system.processes();
      const names = random.shuffled(all.map(({ name }) => name));
      system.holdBack([...spare, ...names]);
      for (const { pid } of all) signal(pid, "SIGKILL");
      // One thing that the others need comes late: at times a whole minute.
      const pauseMs = random.between(0, 2_000);
      const lateMs = random.next() < 0.3 ? 60_000 : 5_000;
      const late = random.pick(["kafka", "mongo", "requests-service-1", "results-service-1"]);
      const first = names.filter((name) => name !== late);
      for (const [at] of first.entries()) {
        system.holdBack([...spare, late, ...first.slice(at + 1)]);
        await Bun.sleep(pauseMs);
      }
      await Bun.sleep(lateMs);
      system.holdBack(spare);
      const harm = await recovered(nemesis, names, 2 * recoverMs);
      return { ...harm, outcome: `${late} came ${lateMs / 1_000} s late; ${harm.outcome}` };
    },
  },
  {
    id: "F20",
    name: "a queue builds up while all processors stand still",
    async run(nemesis) {
      const those = nemesis.system.processes("processor");
      await Promise.all(those.map((one) => freeze(nemesis, one, 15_000)));
      return { targets: those.map(({ name }) => name), outcome: "went on" };
    },
  },
  clockSet,
  ...(["kafka", "mongo"] as const).flatMap((server): Fault[] => [
    {
      id: "F10",
      name: `${server} frozen for 25 s`,
      async run(nemesis) {
        const [target] = nemesis.system.processes(server);
        if (!target || !signal(target.pid, "SIGSTOP")) {
          return { targets: [server], outcome: "was not there", missed: true };
        }
        await Bun.sleep(25_000);
        signal(target.pid, "SIGCONT");
        return recovered(nemesis, [server]);
      },
    },
    {
      id: "F10",
      name: `kill -9 of ${server}`,
      async run(nemesis) {
        const { system } = nemesis;
        const [target] = system.processes(server);
        if (!target || !signal(target.pid, "SIGKILL")) {
          return { targets: [server], outcome: "was not there", missed: true };
        }
        await restarted(nemesis, server, target.pid, recoverMs);
        const addresses = server === "kafka" ? [system.kafka()] : [system.requestsDb, system.resultsDb];
        await isWithin(60_000, async () => (await Promise.all(addresses.map(answers))).every(Boolean));
        return recovered(nemesis, [server]);
      },
    },
  ]),
];

/** Whether somebody listens at `host:port`, with or without a scheme and a path. */
async function answers(address: string): Promise<boolean> {
  const [, port] = /:(\d+)(?:\/|$)/.exec(address) ?? [];
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port: Number(port),
    socket: { data() {} },
  }).catch(() => null);
  socket?.end();
  return socket !== null;
}

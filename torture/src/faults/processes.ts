import { leaseMs, whoIsNotReady } from "../system.ts";
import { until } from "../until.ts";
import { type Fault, freeze, type Nemesis, signal, victim } from "./fault.ts";

const kill = (id: string, what: string, ...prefixes: string[]): Fault => ({
  id,
  name: `kill -9 of ${what}`,
  async run(nemesis) {
    const { name, pid } = victim(nemesis, ...prefixes);
    await Bun.sleep(nemesis.random.between(0, 300));
    return { targets: [name], outcome: signal(pid, "SIGKILL") ? "killed" : "was gone already" };
  },
});

const anyService = ["gateway", "requests-service", "processor", "results-listener", "results-service"];

async function restarted(nemesis: Nemesis, name: string, pid: number, ms: number): Promise<boolean> {
  return until(ms, () => nemesis.system.processes(name).some((one) => one.name === name && one.pid !== pid));
}

export const processFaults: Fault[] = [
  kill("F1", "the gateway", "gateway"),
  kill("F2", "who writes, then publishes", "requests-service"),
  kill("F3", "who publishes, then clears its mark", "requests-service", "processor"),
  kill("F4", "a processor in the middle of its runs", "processor"),
  kill("F5", "a processor about its finish", "processor"),
  kill("F6", "a results-listener", "results-listener"),
  {
    id: "F7",
    name: "SIGTERM",
    async run(nemesis) {
      const { name, pid } = victim(nemesis, ...anyService);
      signal(pid, "SIGTERM");
      const hasEnded = await restarted(nemesis, name, pid, 12_000);
      return { targets: [name], outcome: hasEnded ? "ended and started again" : "did not end in time" };
    },
  },
  {
    id: "F7",
    name: "SIGTERM, and a second one",
    async run(nemesis) {
      const { name, pid } = victim(nemesis, ...anyService);
      signal(pid, "SIGTERM");
      await Bun.sleep(nemesis.random.between(10, 500));
      signal(pid, "SIGTERM");
      const hasEnded = await restarted(nemesis, name, pid, 12_000);
      return { targets: [name], outcome: hasEnded ? "ended and started again" : "did not end in time" };
    },
  },
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
    id: "F13",
    name: "rolling restart",
    async run(nemesis) {
      const those = nemesis.system.processes(
        nemesis.random.pick(["processor", "results-listener", "requests-service"]),
      );
      for (const { name, pid } of those) {
        signal(pid, "SIGTERM");
        await restarted(nemesis, name, pid, 12_000);
      }
      return { targets: those.map(({ name }) => name), outcome: "all started again" };
    },
  },
  {
    id: "F13",
    name: "scaled from 3 to 1 and back, by freezing",
    async run(nemesis) {
      const those = nemesis.system.processes("processor").slice(1);
      await Promise.all(those.map((one) => freeze(nemesis, one, 10_000)));
      return { targets: those.map(({ name }) => name), outcome: "went on" };
    },
  },
  {
    id: "F19",
    name: "cold start of everything, servers last",
    async run({ system }) {
      const servers = system.processes().filter(({ name }) => name === "kafka" || name === "mongo");
      const others = system.processes().filter(({ name }) => name !== "kafka" && name !== "mongo");
      for (const { pid } of servers) signal(pid, "SIGSTOP");
      for (const { pid } of others) signal(pid, "SIGKILL");
      await Bun.sleep(5_000);
      for (const { pid } of servers) signal(pid, "SIGKILL");
      const isUp = await system.ready(60_000);
      return {
        targets: [...servers, ...others].map(({ name }) => name),
        outcome: isUp ? "ready again" : "not ready within 60 s",
      };
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
  ...(["kafka", "mongo"] as const).flatMap((server): Fault[] => [
    {
      id: "F10",
      name: `${server} frozen for 25 s`,
      async run({ system }) {
        const [target] = system.processes(server);
        if (!target) return { targets: [], outcome: "not ours" };
        signal(target.pid, "SIGSTOP");
        await Bun.sleep(25_000);
        signal(target.pid, "SIGCONT");
        const isUp = await system.ready(15_000);
        return {
          targets: [server],
          outcome: isUp
            ? "all ready within 15 s"
            : `not ready after 15 s: ${(await whoIsNotReady(system)).join("; ")}`,
        };
      },
    },
    {
      id: "F10",
      name: `kill -9 of ${server}`,
      async run({ system }) {
        const [target] = system.processes(server);
        if (!target) return { targets: [], outcome: "not ours" };
        signal(target.pid, "SIGKILL");
        const isUp = await system.ready(30_000);
        return {
          targets: [server],
          outcome: isUp
            ? "all ready within 30 s"
            : `not ready after 30 s: ${(await whoIsNotReady(system)).join("; ")}`,
        };
      },
    },
  ]),
];

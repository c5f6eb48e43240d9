import {
  bootListener,
  bootProcessor,
  bootRequests,
  leaseMs,
  type Process,
  type RequestsProcess,
  type World,
} from "./processes.ts";

/** What every supervisor does to a process whose clean stop takes too long. */
const stopMs = 10_000;
/** After this time the broker has noticed that a member is dead or frozen. */
const noticedMs = 300;

/** All processes of the system, started again whenever they end. */
export function createFleet(world: World, { processors }: { processors: number }) {
  const { simulation, weather, broker, count } = world;
  const running = new Map<string, Process>();
  const everBooted: Process[] = [];
  /** The requests-service that receives the next call: each call may reach another. */
  const route = () => running.get(`requests-${weather.random.below(2)}`) as RequestsProcess;
  const begin = ({ owner, service }: Process) => simulation.as(owner, () => void service.start());

  function boot(name: string): Process {
    const [kind] = name.split("-");
    const born =
      kind === "requests"
        ? bootRequests(world, name)
        : kind === "processor"
          ? bootProcessor(world, name, route)
          : bootListener(world, name);
    running.set(name, born);
    everBooted.push(born);
    return born;
  }
  for (const [kind, size] of [
    ["requests", 2],
    ["processor", processors],
    ["listener", 2],
  ] as const) {
    for (let index = 0; index < size; index++) boot(`${kind}-${index}`);
  }
  for (const one of running.values()) begin(one);

  /** The process is dead from now on, with all its work in progress; a new one begins later. */
  function kill(name: string, afterMs: number): void {
    const dead = running.get(name);
    if (!dead || dead.owner.isDead) return;
    dead.owner.isDead = true;
    count(`killed_${name.split("-")[0]}`);
    simulation.later(null, noticedMs, broker.rebalanceAll);
    simulation.later(null, afterMs, () => begin(boot(name)));
  }

  return {
    all: (): Process[] => [...running.values()],
    anyProcessor: () => running.get(`processor-${weather.random.below(processors)}`) as Process,
    route,
    kill,

    stop({ owner, service }: Process, afterMs: number): void {
      if (owner.isDead) return;
      count("stopped");
      const end = () => {
        if (!owner.isDead) kill(owner.name, afterMs);
      };
      simulation.as(owner, () => void service.stop().then(end, end));
      simulation.later(null, stopMs, end);
    },

    /** SIGSTOP, and SIGCONT after that time. */
    freeze({ owner }: Process, ms: number): void {
      owner.frozenUntil = simulation.now() + ms;
      count(ms > leaseMs ? "frozen_longer_than_lease" : "frozen");
      if (ms > noticedMs) simulation.later(null, noticedMs, broker.rebalanceAll);
      simulation.later(null, ms + 10, broker.rebalanceAll);
    },

    /** Adds the counters of all boots. */
    counts(): void {
      for (const { counts } of everBooted) {
        for (const [name, by] of Object.entries(counts())) count(name, by);
      }
    },
  };
}

export type Fleet = ReturnType<typeof createFleet>;

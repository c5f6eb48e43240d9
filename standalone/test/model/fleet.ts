import { bootListener, bootProcessor, bootRequests, leaseMs, type Process, type World } from "./processes.ts";

/** What every supervisor does to a process whose clean stop takes too long. */
const stopMs = 10_000;
/** When the broker has noticed that a member is gone or silent. */
const noticedMs = 300;

/** All processes of the system, started again whenever they end. */
export function createFleet(world: World, sizes: { processors: number }) {
  const { simulation, weather, broker, count } = world;
  const requests = [0, 1].map((index) => bootRequests(world, `requests-${index}`));
  /** Whichever requests-service answers: each call may meet another. */
  const route = () => requests[weather.random.below(requests.length)] as (typeof requests)[number];
  const others = [
    ...Array.from({ length: sizes.processors }, (_, index) =>
      bootProcessor(world, `processor-${index}`, route),
    ),
    ...[0, 1].map((index) => bootListener(world, `listener-${index}`)),
  ];
  const retired: Process[] = [];
  const all = (): Process[] => [...requests, ...others];
  const begin = ({ owner, service }: Process) => simulation.as(owner, () => void service.start());
  for (const one of all()) begin(one);

  function boot(dead: Process): void {
    retired.push(dead);
    const { name } = dead.owner;
    const index = requests.findIndex(({ owner }) => owner === dead.owner);
    if (index >= 0) {
      const born = bootRequests(world, name);
      requests[index] = born;
      begin(born);
      return;
    }
    const born = name.startsWith("processor") ? bootProcessor(world, name, route) : bootListener(world, name);
    others[others.indexOf(dead)] = born;
    begin(born);
  }

  /** The process is dead from now on, with all that it had under way; a new one begins later. */
  function kill(name: string, afterMs: number): void {
    const dead = all().find(({ owner }) => owner.name === name);
    if (!dead || dead.owner.isDead) return;
    dead.owner.isDead = true;
    count(`killed_${name.split("-")[0]}`);
    simulation.later(null, noticedMs, broker.rebalanceAll);
    simulation.later(null, afterMs, () => boot(dead));
  }

  return {
    all,
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

    /** Counters of all boots together. */
    counts(): void {
      for (const { counts } of [...all(), ...retired]) {
        for (const [name, by] of Object.entries(counts())) count(name, by);
      }
    },
  };
}

export type Fleet = ReturnType<typeof createFleet>;

import { drainMicrotasks } from "bun:jsc";

/**
 * A process of the model. Its work in progress consists of events that bear its name, so a process that dies takes
 * them along, and one that is frozen gets them when it wakes.
 */
export type Owner = { name: string; isDead: boolean; frozenUntil: number };

export type Event = { at: number; order: number; owner: Owner | null; run: () => void; isCancelled: boolean };

/**
 * Simulated time. One event after the other, in the order of their times, each to the end of all promises
 * that it settles: nothing happens between two events, and the same seed gives the same history. Whatever
 * crosses from one process to another must be an event of its own, or the promises that it settles would
 * run in the name of the wrong process.
 */
export function createSimulation() {
  /** The latest first, so that the next event is the last element. */
  const events: Event[] = [];
  let now = 0;
  let orders = 0;
  let current: Owner | null = null;

  function insert(event: Event): void {
    let [low, high] = [0, events.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isBefore(event, events[middle] as Event)) low = middle + 1;
      else high = middle;
    }
    events.splice(low, 0, event);
  }

  function later(owner: Owner | null, ms: number, run: () => void): Event {
    const event = { at: now + Math.max(ms, 0), order: orders++, owner, run, isCancelled: false };
    insert(event);
    return event;
  }

  /** Runs it now, in the name of this process. */
  function as<T>(owner: Owner | null, run: () => T): T {
    const before = current;
    current = owner;
    try {
      return run();
    } finally {
      drainMicrotasks();
      current = before;
    }
  }

  /** Runs the next event. Returns whether there was one that did something. */
  function step(): boolean {
    for (let event = events.pop(); event !== undefined; event = events.pop()) {
      if (event.isCancelled || event.owner?.isDead) continue;
      if (event.owner !== null && event.owner.frozenUntil > Math.max(now, event.at)) {
        event.at = event.owner.frozenUntil;
        insert(event);
        continue;
      }
      now = Math.max(now, event.at);
      as(event.owner, event.run);
      return true;
    }
    return false;
  }

  return {
    now: () => now,
    current: () => current,
    later,
    as,
    /** Runs the events until that time. */
    runUntil(end: number, afterEach: () => void): void {
      while ((events.at(-1)?.at ?? Number.POSITIVE_INFINITY) <= end) if (step()) afterEach();
      now = Math.max(now, end);
    },
  };
}

export type Simulation = ReturnType<typeof createSimulation>;

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

type Timed = (...args: unknown[]) => void;

/**
 * Replaces the timers, the monotonic clock and the randomness of the whole process by the simulation's while `run`
 * runs, which must not wait for anything: services keep their own timers, unchanged.
 */
export function inSimulatedTime<T>(simulation: Simulation, random: () => number, run: () => T): T {
  const { setTimeout, clearTimeout, setImmediate } = globalThis;
  const real = { random: Math.random, now: performance.now };
  const { later, current, now } = simulation;
  Object.assign(globalThis, {
    setTimeout: (then: Timed, ms = 0, ...args: unknown[]) => later(current(), ms, () => then(...args)),
    setImmediate: (then: Timed, ...args: unknown[]) => later(current(), 0, () => then(...args)),
    clearTimeout(event: Event | null | undefined) {
      if (event) event.isCancelled = true;
    },
  });
  Object.assign(Math, { random });
  Object.assign(performance, { now });
  try {
    return run();
  } finally {
    Object.assign(globalThis, { setTimeout, clearTimeout, setImmediate });
    Object.assign(Math, { random: real.random });
    Object.assign(performance, { now: real.now });
  }
}

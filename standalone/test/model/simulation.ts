import { drainMicrotasks } from "bun:jsc";

/**
 * A process of the model. What it has under way are events that bear its name, so a process that dies takes
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
  const heap: Event[] = [];
  let now = 0;
  let orders = 0;
  let current: Owner | null = null;

  function push(event: Event): void {
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, heap[parent] as Event)) break;
      heap[at] = heap[parent] as Event;
      at = parent;
    }
    heap[at] = event;
  }

  function pop(): Event | undefined {
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Event, heap[child] as Event)) child++;
      if (!isBefore(heap[child] as Event, last)) break;
      heap[at] = heap[child] as Event;
      at = child;
    }
    heap[at] = last;
    return first;
  }

  function later(owner: Owner | null, ms: number, run: () => void): Event {
    const event = { at: now + Math.max(ms, 0), order: orders++, owner, run, isCancelled: false };
    push(event);
    return event;
  }

  /** Does it now, in the name of this process. */
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

  return {
    now: () => now,
    current: () => current,
    later,
    as,
    /** The next event. Answers whether there was one that did something. */
    step(): boolean {
      for (let event = pop(); event !== undefined; event = pop()) {
        if (event.isCancelled || event.owner?.isDead) continue;
        if (event.owner !== null && event.owner.frozenUntil > Math.max(now, event.at)) {
          event.at = event.owner.frozenUntil;
          push(event);
          continue;
        }
        now = Math.max(now, event.at);
        as(event.owner, event.run);
        return true;
      }
      return false;
    },
    /** Events until that time. */
    runUntil(end: number, afterEach: () => void): void {
      while ((heap[0]?.at ?? Number.POSITIVE_INFINITY) <= end) if (this.step()) afterEach();
      now = Math.max(now, end);
    },
  };
}

export type Simulation = ReturnType<typeof createSimulation>;

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/**
 * Puts the simulation in the place of the timers, the monotonic clock and the randomness of the whole
 * process while `run` runs, which must not wait for anything: services keep their own timers, unchanged.
 */
export function inSimulatedTime<T>(simulation: Simulation, random: () => number, run: () => T): T {
  const real = {
    setTimeout: globalThis.setTimeout,
    clearTimeout: globalThis.clearTimeout,
    setImmediate: globalThis.setImmediate,
    random: Math.random,
    now: performance.now,
  };
  // biome-ignore lint/suspicious/noExplicitAny: the timers of three kinds of typings
  const global = globalThis as any;
  global.setTimeout = (then: (...args: unknown[]) => void, ms = 0, ...args: unknown[]) =>
    simulation.later(simulation.current(), ms, () => then(...args));
  global.setImmediate = (then: (...args: unknown[]) => void, ...args: unknown[]) =>
    simulation.later(simulation.current(), 0, () => then(...args));
  global.clearTimeout = (event: Event | null | undefined) => {
    if (event) event.isCancelled = true;
  };
  Math.random = random;
  performance.now = simulation.now;
  try {
    return run();
  } finally {
    global.setTimeout = real.setTimeout;
    global.clearTimeout = real.clearTimeout;
    global.setImmediate = real.setImmediate;
    Math.random = real.random;
    performance.now = real.now;
  }
}

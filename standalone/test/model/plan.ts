import { createRandom, seedOf } from "./random.ts";

export type Action = keyof typeof weights;

/** One thing that is done, the weather in which it is done, and the simulated time until the next. */
export type Step = { action: Action; weather: "calm" | "flaky" | "bad"; ms: number; seed: number };

const weights = {
  submit: 8,
  create: 3,
  batch: 1,
  execute: 40,
  cancel: 4,
  "cancel-all": 1,
  replay: 2,
  remove: 2,
  read: 2,
  kill: 2,
  "kill-processor": 2,
  stop: 1,
  freeze: 2,
  cut: 2,
  rebalance: 3,
  rewind: 1,
  skip: 1,
  garbage: 2,
  wait: 28,
} as const;

/**
 * What a seed does, as data: a step can be left out, or its weather made calm, and the others stay as they are.
 * `more`: weights to be added.
 */
export function planOf(seed: number, steps: number, more: Partial<Record<Action, number>> = {}): Step[] {
  const random = createRandom(seedOf(seed, 0));
  const actions = (Object.keys(weights) as Action[]).flatMap((action) =>
    Array<Action>(weights[action] + (more[action] ?? 0)).fill(action),
  );
  const weathers = random.of<Step["weather"][]>([
    ["calm"],
    ["calm", "flaky"],
    ["calm", "flaky", "bad"],
    ["bad"],
  ]);
  return Array.from({ length: steps }, (_, index) => ({
    action: index < 2 ? "submit" : (random.of(actions) as Action),
    weather: random.of(weathers ?? []) ?? "calm",
    // Mostly a few events, now and then long enough for what takes long.
    ms: random.chance(0.03) ? random.between(100, 1_500) : random.between(0, 15),
    seed: seedOf(seed, index + 1),
  }));
}

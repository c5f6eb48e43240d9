import { createRandom, seedOf } from "./random.ts";

export type Action = keyof typeof weights;

/** One thing that is done, the weather in which it is done, and the simulated time until the next. */
export type Step = { action: Action; weather: "calm" | "flaky" | "bad"; ms: number; seed: number };

const weights = {
  submit: 8,
  execute: 40,
  cancel: 4,
  kill: 2,
  "kill-processor": 2,
  stop: 1,
  freeze: 2,
  cut: 2,
  rebalance: 3,
  rewind: 1,
  skip: 1,
  garbage: 2,
  wait: 33,
} as const;

/** What a seed does, as data: a step can be left out, or its weather made calm, and the others stay as they are. `more`: weights to be added. */
export function planOf(seed: number, steps: number, more: Partial<Record<Action, number>> = {}): Step[] {
  const random = createRandom(seedOf(seed, 0));
  const entries = (Object.entries(weights) as [Action, number][]).map(
    ([action, weight]): [Action, number] => [action, weight + (more[action] ?? 0)],
  );
  const total = entries.reduce((sum, [, weight]) => sum + weight, 0);
  const kinds = random.of([["calm"], ["calm", "flaky"], ["calm", "flaky", "bad"], ["bad"]] as const) ?? [
    "calm",
  ];
  const draw = (): Action => {
    let left = random.next() * total;
    for (const [action, weight] of entries) {
      left -= weight;
      if (left < 0) return action;
    }
    return "wait";
  };
  return Array.from({ length: steps }, (_, index) => ({
    action: index < 2 ? "submit" : draw(),
    weather: random.of<Step["weather"]>(kinds) ?? "calm",
    // Mostly a few events, now and then long enough for what takes long.
    ms: random.chance(0.03) ? random.between(100, 1_500) : random.between(0, 15),
    seed: seedOf(seed, index + 1),
  }));
}

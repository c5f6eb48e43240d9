import type { Step } from "./plan.ts";

/** How many histories a search may try: a failure is of use long before it is as small as can be. */
const triesMax = 600;
const triesMsMax = 30_000;

/**
 * A smaller plan that fails too: leaves out halves, quarters, … single steps as long as it still fails, then
 * makes the weather calm wherever it may be. Greedy, so not the smallest.
 */
export function shrink(steps: Step[], fails: (steps: Step[]) => boolean): Step[] {
  let smallest = steps;
  let tries = 0;
  const endsAt = performance.now() + triesMsMax;
  const attempt = (candidate: Step[]): boolean => {
    if (tries++ >= triesMax || performance.now() > endsAt || !fails(candidate)) return false;
    smallest = candidate;
    return true;
  };
  for (let size = Math.ceil(smallest.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < smallest.length; ) {
      if (!attempt([...smallest.slice(0, at), ...smallest.slice(at + size)])) at += size;
    }
  }
  for (let at = 0; at < smallest.length; at++) {
    const step = smallest[at] as Step;
    if (step.weather === "calm") continue;
    attempt(smallest.with(at, { ...step, weather: "calm" }));
  }
  return smallest;
}

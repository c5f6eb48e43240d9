import type { Bug } from "./bugs.ts";
import type { Databases } from "./databases.ts";
import { planOf, type Step } from "./plan.ts";
import { live } from "./world.ts";

export type Search = {
  seeds: Iterable<number>;
  steps: number;
  /** Real time, after which no further seed is begun. */
  budgetMs?: number;
  /** The minimum number of seeds, however long they take. */
  least?: number;
  databases: Databases;
  bug?: Bug;
  /** Whether a failing plan is made smaller before it is reported. */
  isShrunk?: boolean;
};

/** Lives through one seed after the other, up to the first that breaks an invariant. */
export function search({ seeds, steps, budgetMs = Number.POSITIVE_INFINITY, ...rest }: Search) {
  const { least = 0, databases, bug = {}, isShrunk = true } = rest;
  const counts: Record<string, number> = {};
  // The simulation replaces `performance.now`.
  const now = performance.now.bind(performance);
  const start = now();
  let lived = 0;
  let events = 0;
  let longestRestMs = 0;
  let failure: string | undefined;
  for (const seed of seeds) {
    if (lived >= least && now() - start > budgetMs) break;
    const plan = planOf(seed, steps, bug.more);
    const outcome = live(seed, plan, databases, bug);
    lived++;
    events += outcome.events;
    longestRestMs = Math.max(longestRestMs, outcome.restMs);
    for (const [name, by] of Object.entries(outcome.counts)) counts[name] = (counts[name] ?? 0) + by;
    const kind = outcome.broken[0]?.slice(0, 12);
    if (kind === undefined) continue;
    const fails = (candidate: Step[]) =>
      live(seed, candidate, databases, bug).broken.some((what) => what.startsWith(kind));
    const small = isShrunk ? shrink(plan, fails) : plan;
    failure = [
      `seed ${seed}: ${outcome.broken.join("; ")}`,
      `${small.length} of ${steps} steps are enough:`,
      ...small.map((step) => `  ${step.action}, ${step.weather}, ${step.ms.toFixed(1)} ms (${step.seed})`),
    ].join("\n");
    break;
  }
  const seconds = (now() - start) / 1_000;
  const summary = `${lived} seeds × ${steps} steps, ${events} events, ${seconds.toFixed(1)} s; longest rest ${longestRestMs} ms after the last fault\n${JSON.stringify(counts)}`;
  return { counts, failure, summary };
}

/** Plans that `shrink` may try: a failure is of use long before it is as small as possible. */
const triesMax = 600;
const triesMsMax = 30_000;

/**
 * A smaller plan that fails too: leaves out halves, quarters, … single steps as long as it still fails, then
 * makes the weather calm wherever it may be. Greedy, so not the smallest.
 */
function shrink(steps: Step[], fails: (steps: Step[]) => boolean): Step[] {
  let smallest = steps;
  let tries = 0;
  const endsAt = performance.now() + triesMsMax;
  const attempt = (candidate: Step[]): boolean => {
    if (tries++ >= triesMax || performance.now() > endsAt || !fails(candidate)) return false;
    smallest = candidate;
    return true;
  };
  for (let size = Math.ceil(smallest.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < smallest.length; ) if (!attempt(smallest.toSpliced(at, size))) at += size;
  }
  for (const [at, step] of smallest.entries()) {
    if (step.weather !== "calm") attempt(smallest.with(at, { ...step, weather: "calm" }));
  }
  return smallest;
}

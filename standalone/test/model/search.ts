import type { Bug } from "./bugs.ts";
import type { Databases } from "./databases.ts";
import { planOf, type Step } from "./plan.ts";
import { shrink } from "./shrink.ts";
import { live } from "./world.ts";

export type Search = {
  seeds: Iterable<number>;
  steps: number;
  /** Real time, after which no further seed is begun. */
  budgetMs: number;
  databases: Databases;
  bug?: Bug;
  /** Whether a failure is made smaller before it is told. */
  isShrunk?: boolean;
};

/** Lives through one seed after the other, up to the first that breaks an invariant; that one is shrunk. */
export function search({ seeds, steps, budgetMs, databases, bug = {}, isShrunk = true }: Search) {
  const counts: Record<string, number> = {};
  const now = performance.now.bind(performance);
  const start = now();
  let lived = 0;
  let events = 0;
  let longestRestMs = 0;
  let failure: string | undefined;
  for (const seed of seeds) {
    if (now() - start > budgetMs) break;
    const plan = planOf(seed, steps, bug.more);
    const outcome = live(seed, plan, databases, bug);
    lived++;
    events += outcome.events;
    longestRestMs = Math.max(longestRestMs, outcome.restMs);
    for (const [name, by] of Object.entries(outcome.counts)) counts[name] = (counts[name] ?? 0) + by;
    if (outcome.broken.length === 0) continue;
    const kind = outcome.broken[0]?.slice(0, 12);
    const fails = (candidate: Step[]) =>
      live(seed, candidate, databases, bug).broken.some((what) => what.slice(0, 12) === kind);
    const small = isShrunk ? shrink(plan, fails) : plan;
    const lines = small.map(
      ({ action, weather, ms, seed: own }) => `  ${action}, ${weather}, ${ms.toFixed(1)} ms (${own})`,
    );
    failure = [
      `seed ${seed}: ${outcome.broken.join("; ")}`,
      `${small.length} of ${steps} steps are enough:`,
      ...lines,
    ].join("\n");
    break;
  }
  const seconds = (now() - start) / 1_000;
  const summary = `${lived} seeds × ${steps} steps, ${events} events, ${seconds.toFixed(1)} s; longest rest ${longestRestMs} ms after the last fault\n${JSON.stringify(counts)}`;
  return { lived, counts, failure, summary };
}

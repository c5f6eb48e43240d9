import type { System } from "./system.ts";

/** What must have happened in a run that is to mean something. `counters` are alternatives. */
const wanted: { what: string; counters: string[]; systems: System["kind"][] }[] = [
  { what: "a redelivery was refused", counters: ["claims_refused"], systems: ["cluster", "standalone"] },
  {
    what: "a stale run or its finish was fenced",
    counters: ["finishes_refused", "finishes_dropped", "runs_taken"],
    systems: ["cluster"],
  },
  { what: "the sweeper published", counters: ["outbox_swept"], systems: ["cluster"] },
  { what: "a worker was given up", counters: ["workers_given_up"], systems: ["cluster"] },
  { what: "a dead letter was written", counters: ["dead_letters_kept"], systems: ["cluster", "standalone"] },
  { what: "a rebalance happened while busy", counters: ["rebalances"], systems: ["cluster"] },
  { what: "an offset commit was rejected", counters: ["offset_commits_rejected"], systems: ["cluster"] },
  { what: "a run was lost with its process", counters: ["runs_lost"], systems: ["cluster"] },
];

export type Sometimes = { what: string; count: number };

export function sometimes(kind: System["kind"], counters: Record<string, number>): Sometimes[] {
  return wanted
    .filter(({ systems }) => systems.includes(kind))
    .map(({ what, counters: names }) => ({
      what,
      count: names.reduce((sum, name) => sum + (counters[name] ?? 0), 0),
    }));
}

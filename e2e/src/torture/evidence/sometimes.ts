import type { System } from "../../system/system.ts";

/** What must have happened in a run that is to mean something. */
const wanted: { what: string; counter: string; systems: System["kind"][] }[] = [
  { what: "a redelivery was refused", counter: "claims_refused", systems: ["cluster", "standalone"] },
  { what: "a stale finish was fenced", counter: "finishes_refused", systems: ["cluster"] },
  { what: "the sweeper published", counter: "outbox_swept", systems: ["cluster"] },
  { what: "a worker was given up", counter: "workers_given_up", systems: ["cluster"] },
  { what: "a dead letter was written", counter: "dead_letters_kept", systems: ["cluster", "standalone"] },
  { what: "a rebalance happened while busy", counter: "rebalances", systems: ["cluster"] },
  { what: "an offset commit was rejected", counter: "offset_commits_rejected", systems: ["cluster"] },
  { what: "a run was lost with its process", counter: "runs_lost", systems: ["cluster"] },
];

export type Sometimes = { what: string; count: number };

export function sometimes(kind: System["kind"], counters: Record<string, number>): Sometimes[] {
  return wanted
    .filter(({ systems }) => systems.includes(kind))
    .map(({ what, counter }) => ({ what, count: counters[counter] ?? 0 }));
}

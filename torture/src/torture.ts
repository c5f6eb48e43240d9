import { join } from "node:path";
import type { Nemesis } from "./faults/fault.ts";
import { gather } from "./gather.ts";
import { invariants } from "./invariants/all.ts";
import { emptyHistory, startLoad } from "./load.ts";
import { watchMetrics } from "./metrics.ts";
import { faultsFor, heal, rage } from "./nemesis.ts";
import type { Options } from "./options.ts";
import { seeded } from "./random.ts";
import { type Report, writeReport } from "./report.ts";
import { sometimes } from "./sometimes.ts";
import { clusterStore } from "./store-cluster.ts";
import { standaloneStore } from "./store-standalone.ts";
import { startSystem } from "./system.ts";

const snapshotMs = 3_000;
/** A run shorter than this cannot be asked to have seen everything that happens sometimes. */
const allSeenMinutes = 10;

/**
 * One run: start, load and harm at the same time, heal, drain, dump, check, report. Answers the report and where it
 * is. Rejects only if the system cannot even be started.
 */
export async function torture(
  options: Options,
  { dataDir, say }: { dataDir: string; say: (text: string) => void },
): Promise<{ report: Report; page: string }> {
  const startedAt = new Date().toISOString();
  const started = performance.now();
  const system = await startSystem(options.system, dataDir);
  try {
    const store = system.kind === "cluster" ? clusterStore(system) : standaloneStore(system);
    const random = seeded(options.seed);
    const history = emptyHistory();
    const nemesis: Nemesis = { system, store, random, history, malformed: [], stalls: [] };
    const metrics = watchMetrics(system);
    const snapshots = watchActive(nemesis);
    const load = startLoad(system.url, { seed: options.seed, rate: options.rate, history });

    const faults = await rage(nemesis, {
      faults: faultsFor(options),
      ms: options.minutes * 60_000,
      say: ({ id, name, targets, outcome }) =>
        say(`${id} ${name}: ${targets.slice(0, 3).join(", ")}: ${outcome}`),
    });
    await heal(nemesis);
    const healedAt = performance.now();
    say("healed; waiting until all is at rest");
    await load.stop();
    const active = await snapshots.stop();
    const evidence = await gather(nemesis, { ...active, healedAt, counters: metrics.stop, say });

    const checks = invariants.map((invariant) => invariant(evidence));
    const seen = sometimes(system.kind, evidence.counters);
    const mustSeeAll = options.minutes >= allSeenMinutes && options.only.length === 0;
    const isGood =
      checks.every(({ violations }) => violations.length === 0) &&
      (!mustSeeAll || seen.every(({ count }) => count > 0));
    const starts = evidence.runs.filter(({ event }) => event === "start").length;
    const report: Report = {
      options,
      startedAt,
      seconds: (performance.now() - started) / 1_000,
      isGood,
      counts: {
        "requests acknowledged": history.requests.size,
        "executions acknowledged": history.executions.length,
        "executions stored": evidence.dump.executions.length,
        "runs started": starts,
        "submits without an answer": history.unanswered.size,
        "records in all topics": evidence.dump.records.length,
        "malformed records": evidence.malformed.length,
        "dead letters": evidence.dump.deadLetters.length,
        faults: faults.length,
      },
      processors: countBy([...history.requests.values()].map(({ processor }) => processor)),
      answers: history.answers,
      starts: system.starts(),
      faults,
      checks,
      sometimes: seen,
      mustSeeAll,
      counters: evidence.counters,
    };
    await store.close();
    return { report, page: writeReport(join(dataDir, "report"), report) };
  } finally {
    await system.stop();
  }
}

/** Looks again and again for requests with two active executions. */
function watchActive({ store }: Nemesis) {
  const twoActive = new Set<string>();
  let snapshots = 0;
  let isStopped = false;
  const watching = (async () => {
    while (!isStopped) {
      await store
        .twoActive()
        .then((found) => {
          snapshots++;
          for (const id of found) twoActive.add(id);
        })
        .catch(() => {}); // The database may well be frozen.
      await Bun.sleep(snapshotMs);
    }
  })();
  return {
    async stop() {
      isStopped = true;
      await watching;
      return { twoActive: [...twoActive], snapshots };
    },
  };
}

function countBy(words: string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}

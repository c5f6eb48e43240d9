import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { watchCommitted } from "./committed.ts";
import { every } from "./every.ts";
import type { Nemesis } from "./faults/fault.ts";
import { gather, type Seen } from "./gather.ts";
import { invariants } from "./invariants/all.ts";
import { emptyHistory, startLoad } from "./load.ts";
import { watchMetrics } from "./metrics.ts";
import { type Done, faultsFor, heal, notDone, rage } from "./nemesis.ts";
import type { Options } from "./options.ts";
import { seeded } from "./random.ts";
import { type Report, writeReport } from "./report.ts";
import { sometimes } from "./sometimes.ts";
import { clusterStore } from "./store-cluster.ts";
import { standaloneStore } from "./store-standalone.ts";
import { type System, startSystem } from "./system.ts";
import { until } from "./until.ts";

const snapshotMs = 3_000;
/** A run shorter than this cannot be asked to have seen everything that happens sometimes. */
const allSeenMinutes = 10;
/** And one shorter than this cannot be asked to have done every harm to everybody. */
const allDoneMinutes = 60;
const idleMs = 5_000;

/**
 * One run: start, load and harm at the same time, heal, drain, dump, check, report. Answers the report and where it
 * is. Rejects if the system cannot be started, or what it has stored cannot be read in the end.
 */
export async function torture(
  options: Options,
  { dataDir, say }: { dataDir: string; say: (text: string) => void },
): Promise<{ report: Report; page: string }> {
  const startedAt = new Date().toISOString();
  const started = performance.now();
  const system = await startSystem(options.system, dataDir);
  const history = emptyHistory();
  let faults: Done[] = [];
  let seen: Seen;
  const all = faultsFor(options);
  try {
    const store = system.kind === "cluster" ? clusterStore(system) : standaloneStore(system);
    const random = seeded(options.seed);
    const nemesis: Nemesis = {
      system,
      store,
      random,
      history,
      malformed: [],
      stalls: [],
      fullDisks: [],
      skipped: new Map(),
    };
    const metrics = watchMetrics(system);
    const snapshots = watchActive(nemesis);
    const committed = system.kind === "cluster" ? watchCommitted(nemesis) : null;
    const load = startLoad(system.url, { seed: options.seed, rate: options.rate, history });

    faults = await rage(nemesis, {
      faults: all,
      ms: options.minutes * 60_000,
      isOver: system.hasEnded,
      say: ({ id, name, targets, outcome, broken }) => {
        const how = broken === undefined || outcome.includes(broken) ? outcome : `${outcome}: ${broken}`;
        say(`${broken ? "✗ " : ""}${id} ${name}: ${targets.slice(0, 3).join(", ")}: ${how}`);
      },
    });
    if (system.hasEnded()) throw new Error("the system ended as a whole, and nobody had stopped it");
    await heal(nemesis);
    const healedAt = performance.now();
    say("healed; waiting until all is at rest");
    const loadStops = load.stop();
    const looked = await snapshots.stop();
    const consumed = (await committed?.stop()) ?? { looked: 0, unknown: [] };
    await loadStops;
    seen = await gather(nemesis, {
      ...looked,
      committed: consumed,
      faultsDone: faults.filter(({ missed }) => !missed).length,
      broken: faults.flatMap(({ id, name, targets, broken }) =>
        broken ? [`${id} ${name}: ${targets.slice(0, 3).join(", ")}: ${broken}`] : [],
      ),
      clocksSet: faults.filter(({ id, missed }) => id === "F23" && !missed).length,
      healedAt,
      counters: metrics.stop,
      say,
    });
    await store.close();
  } finally {
    await system.stop();
  }
  const evidence = { ...seen, usage: system.watch.usage(), orphans: await orphansOf(system) };
  const checks = invariants.map((invariant) => invariant(evidence));
  const met = sometimes(system.kind, evidence.counters);
  const isWhole = options.only.length === 0;
  const mustSeeAll = options.minutes >= allSeenMinutes && isWhole;
  const missing = notDone(all, faults);
  const mustDoAll = options.minutes >= allDoneMinutes && isWhole;
  const report: Report = {
    options,
    startedAt,
    seconds: (performance.now() - started) / 1_000,
    isGood:
      checks.every(({ violations }) => violations.length === 0) &&
      (!mustSeeAll || met.every(({ count }) => count > 0)) &&
      (!mustDoAll || missing.length === 0),
    counts: {
      "requests acknowledged": history.requests.size,
      "executions acknowledged": history.executions.length,
      "executions stored": evidence.dump.executions.length,
      "runs started": evidence.runs.filter(({ event }) => event === "start").length,
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
    missing,
    mustDoAll,
    checks,
    sometimes: met,
    mustSeeAll,
    counters: evidence.counters,
  };
  return { report, page: writeReport(join(dataDir, "report"), report) };
}

/** Processes of this run that are there though all was stopped: told by what they were given as environment. */
async function orphansOf(system: System): Promise<string[]> {
  const left = () => {
    const own = new Set(system.watch.alive());
    for (const pid of pidsWith(`RUN_LOG=${system.runLog}`)) own.add(pid);
    return [...own];
  };
  await until(idleMs, () => left().length === 0);
  return left().map((pid) => `process ${pid}`);
}

/** Where there is no /proc, none. */
function pidsWith(variable: string): number[] {
  try {
    return readdirSync("/proc").flatMap((name) => {
      try {
        const variables = readFileSync(`/proc/${name}/environ`, "utf8").split("\0");
        return /^\d+$/.test(name) && variables.includes(variable) ? [Number(name)] : [];
      } catch {
        return [];
      }
    });
  } catch {
    return [];
  }
}

/** Looks again and again for requests with two active executions. */
function watchActive({ store }: Nemesis) {
  const twoActive = new Set<string>();
  let snapshots = 0;
  const watching = every(snapshotMs, async () => {
    const found = await store.twoActive();
    snapshots++;
    for (const id of found) twoActive.add(id);
  });
  return {
    async stop() {
      await watching.stop();
      return { twoActive: [...twoActive], snapshots };
    },
  };
}

function countBy(words: string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}

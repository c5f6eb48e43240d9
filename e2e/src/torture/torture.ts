import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { emptyHistory } from "../clients/history.ts";
import { isWithin } from "../until.ts";
import { every } from "./every.ts";
import { watchCommitted } from "./evidence/committed.ts";
import type { Evidence } from "./evidence/evidence.ts";
import { gather, type Seen } from "./evidence/gather.ts";
import { watchMetrics } from "./evidence/metrics.ts";
import { sometimes } from "./evidence/sometimes.ts";
import { clusterStore } from "./evidence/store-cluster.ts";
import { standaloneStore } from "./evidence/store-standalone.ts";
import type { Nemesis } from "./faults/fault.ts";
import { invariants } from "./invariants/all.ts";
import { startLoad } from "./load.ts";
import { type Done, faultsFor, heal, notDone, rage } from "./nemesis.ts";
import type { Options } from "./options.ts";
import { seeded } from "./random.ts";
import { type Report, writeReport } from "./report.ts";
import { startTortured, type TorturedSystem } from "./system.ts";

const snapshotMs = 3_000;
/** A run shorter than this cannot be asked to have seen everything that happens sometimes. */
const allSeenMinutes = 10;
/** And one shorter than this cannot be asked to have done every harm to everybody. */
const allDoneMinutes = 60;
const idleMs = 5_000;

type Say = (text: string) => void;

/**
 * One run: start, load and harm at the same time, heal, drain, dump, check, report. Answers the report and where it
 * is. Rejects if the system cannot be started, or what it has stored cannot be read in the end.
 */
export async function torture(
  options: Options,
  { dataDir, say }: { dataDir: string; say: Say },
): Promise<{ report: Report; page: string }> {
  const startedAt = new Date().toISOString();
  const started = performance.now();
  const system = await startTortured(options.system, dataDir);
  const faults: Done[] = [];
  let seen: Seen;
  try {
    seen = await harm(system, options, faults, say);
  } finally {
    await system.stop();
  }
  const evidence = { ...seen, usage: system.watch.usage(), orphans: await orphansOf(system) };
  const judged = judge(options, evidence, faults);
  const seconds = (performance.now() - started) / 1_000;
  const report: Report = { options, startedAt, seconds, ...judged, starts: system.starts() };
  return { report, page: writeReport(join(dataDir, "report"), report) };
}

/** Load and faults, noted in `done`, until the time is over; then all is healed, and what is left behind gathered. */
async function harm(system: TorturedSystem, options: Options, done: Done[], say: Say): Promise<Seen> {
  const store = system.kind === "cluster" ? clusterStore(system) : standaloneStore(system);
  const history = emptyHistory();
  const random = seeded(options.seed);
  const notes = { malformed: [], stalls: [], fullDisks: [], skipped: new Map() };
  const nemesis: Nemesis = { system, store, random, history, ...notes };
  const metrics = watchMetrics(system);
  const snapshots = watchActive(nemesis);
  const committed = system.kind === "cluster" ? watchCommitted(nemesis) : null;
  const load = startLoad(system.url, { seed: options.seed, rate: options.rate, history });

  done.push(
    ...(await rage(nemesis, {
      faults: faultsFor(options),
      ms: options.minutes * 60_000,
      isOver: system.hasEnded,
      say: ({ id, name, targets, outcome, broken }) => {
        const how = broken === undefined || outcome.includes(broken) ? outcome : `${outcome}: ${broken}`;
        say(`${broken ? "✗ " : ""}${id} ${name}: ${targets.slice(0, 3).join(", ")}: ${how}`);
      },
    })),
  );
  if (system.hasEnded()) throw new Error("the system ended as a whole, and nobody had stopped it");
  await heal(nemesis);
  const healedAt = performance.now();
  say("healed; waiting until all is at rest");
  const loadStops = load.stop();
  const looked = await snapshots.stop();
  const consumed = (await committed?.stop()) ?? { looked: 0, unknown: [] };
  await loadStops;
  const seen = await gather(nemesis, {
    ...looked,
    committed: consumed,
    faultsDone: done.filter(({ missed }) => !missed).length,
    broken: done.flatMap(({ id, name, targets, broken }) =>
      broken ? [`${id} ${name}: ${targets.slice(0, 3).join(", ")}: ${broken}`] : [],
    ),
    clocksSet: done.filter(({ id, missed }) => id === "F23" && !missed).length,
    healedAt,
    counters: metrics.stop,
    say,
  });
  await store.close();
  return seen;
}

/** What is to be thought of the evidence. */
function judge(options: Options, evidence: Evidence, faults: Done[]) {
  const { history, dump, counters } = evidence;
  const checks = invariants.map((invariant) => invariant(evidence));
  const met = sometimes(options.system, counters);
  const isWhole = options.only.length === 0;
  const mustSeeAll = options.minutes >= allSeenMinutes && isWhole;
  const missing = notDone(faultsFor(options), faults);
  const mustDoAll = options.minutes >= allDoneMinutes && isWhole;
  return {
    isGood:
      checks.every(({ violations }) => violations.length === 0) &&
      (!mustSeeAll || met.every(({ count }) => count > 0)) &&
      (!mustDoAll || missing.length === 0),
    counts: {
      "requests acknowledged": history.requests.size,
      "executions acknowledged": history.executions.length,
      "executions stored": dump.executions.length,
      "runs started": evidence.runs.filter(({ event }) => event === "start").length,
      "submits without an answer": history.unanswered.size,
      "records in all topics": dump.records.length,
      "malformed records": evidence.malformed.length,
      "dead letters": dump.deadLetters.length,
      faults: faults.length,
    },
    processors: countBy([...history.requests.values()].map(({ processor }) => processor)),
    answers: history.answers,
    faults,
    missing,
    mustDoAll,
    checks,
    sometimes: met,
    mustSeeAll,
    counters,
  };
}

/** Processes of this run that are there though all was stopped: told by what they were given as environment. */
async function orphansOf(system: TorturedSystem): Promise<string[]> {
  const left = () => {
    const own = new Set(system.watch.alive());
    for (const pid of pidsWith(system.dataDir)) own.add(pid);
    return [...own];
  };
  await isWithin(idleMs, () => left().length === 0);
  return left().map((pid) => `process ${pid}`);
}

/** Where there is no /proc, none. */
function pidsWith(text: string): number[] {
  try {
    return readdirSync("/proc").flatMap((name) => {
      try {
        const pid = Number(name);
        const isOne =
          pid > 0 && pid !== process.pid && readFileSync(`/proc/${pid}/environ`, "utf8").includes(text);
        return isOne ? [pid] : [];
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

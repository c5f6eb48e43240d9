import { join } from "node:path";
import { createClient } from "../clients/client.ts";
import { emptyHistory } from "../clients/history.ts";
import { remoteTrial } from "../runs/trials.ts";
import { keepRemoteWorker } from "../system/remote-worker.ts";
import type { Check, Evidence } from "./evidence/evidence.ts";
import { gather, orphansOf, type Seen } from "./evidence/gather.ts";
import { watchHealthy } from "./evidence/healthy.ts";
import { emptyJournal } from "./evidence/journal.ts";
import { clusterStore, standaloneStore } from "./evidence/store.ts";
import { watchActive, watchCommitted, watchCounters, watchRuns } from "./evidence/watch.ts";
import type { Nemesis } from "./faults/fault.ts";
import { invariants } from "./invariants/all.ts";
import { countBy } from "./invariants/outcomes.ts";
import { startLoad } from "./load/load.ts";
import { startReceiver } from "./load/receiver.ts";
import { subscribe } from "./load/subscriptions.ts";
import { type Done, faultsFor, heal, notDone, rage } from "./nemesis.ts";
import type { Options } from "./options.ts";
import { seeded } from "./random.ts";
import { type Report, writeReport } from "./report.ts";
import { startTortured, type TorturedSystem } from "./system.ts";

/** A shorter run need not see everything that happens sometimes. */
const allSeenMinutes = 10;
/** A shorter run need not inject every fault everywhere. */
const allDoneMinutes = 60;

/** Counters of what must happen in a run that proves something. */
const inBoth = {
  "a redelivery was refused": "claims_refused",
  "a dead letter was written": "dead_letters_kept",
  "a dead letter was replayed": "dead_letters_replayed",
  "a request was removed": "requests_removed",
  "a delivery to the webhook was created": "webhook_deliveries_created",
  "the schedule fired": "schedules_fired",
};
const inClusters = {
  ...inBoth,
  "a stale finish was fenced": "finishes_refused",
  "the sweeper published": "outbox_swept",
  "the lease of a worker expired": "workers_given_up",
  "a rebalance happened while busy": "rebalances",
  "an offset commit was rejected": "offset_commits_rejected",
  "a run was lost with its process": "runs_lost",
};

type Say = (text: string) => void;

/**
 * One run: start, load and harm at the same time, heal, drain, dump, check, report. Rejects if the system cannot be
 * started, or what it has stored cannot be read at the end. Returns the report and the path of its page.
 */
export async function torture(
  options: Options,
  { dataDir, say }: { dataDir: string; say: Say },
): Promise<{ report: Report; page: string }> {
  const started = performance.now();
  const system = await startTortured(options.system, dataDir);
  const remote = keepRemoteWorker(system, remoteTrial);
  const receiver = startReceiver();
  const { seen, faults } = await subscribe(createClient(system.url), receiver)
    .then((subscriptions) => harm(system, { remote, subscriptions }, options, say))
    .finally(async () => {
      await remote.stop();
      await system.stop();
      await receiver.stop();
    });
  const evidence = {
    ...seen,
    usage: system.watch.usage(),
    orphans: [...system.watch.outlived(), ...(await orphansOf(system))],
  };
  const checks = [
    ...invariants.map((invariant) => invariant(evidence)),
    ...completeness(options, evidence, faults),
  ];
  const report: Report = {
    options,
    seconds: (performance.now() - started) / 1_000,
    isGood: checks.every(({ violations }) => violations.length === 0),
    checks: checks.sort((a, b) => a.number - b.number),
    faults,
    counts: { ...countsOf(evidence), "Starts of processes": system.starts() },
  };
  return { report, page: writeReport(join(dataDir, "report"), report) };
}

/** Load and faults until the time is over. Then everything heals, and the evidence is gathered. */
async function harm(
  system: TorturedSystem,
  { remote, subscriptions }: Pick<Nemesis, "remote" | "subscriptions">,
  options: Options,
  say: Say,
): Promise<{ seen: Seen; faults: Done[] }> {
  const { seed, rate, minutes } = options;
  const store = system.kind === "cluster" ? clusterStore(system) : standaloneStore(system);
  const history = emptyHistory();
  const notes = { malformed: [], stalls: [], fullDisks: [], skipped: new Map(), met: new Set<string>() };
  const journal = emptyJournal();
  const told = { history, journal, subscriptions };
  const nemesis: Nemesis = { system, remote, store, random: seeded(seed), ...told, ...notes };
  const stop = { counters: watchCounters(system), runs: watchRuns(system.runLog) };
  const stopHealthy = watchHealthy(system);
  const stopActive = watchActive(nemesis);
  const stopCommitted = watchCommitted(nemesis);
  const load = startLoad(system.url, { seed, rate, history, journal });
  const whomOf = ({ id, name, targets }: Done) => `${id} ${name}: ${targets.slice(0, 3).join(", ")}`;

  const faults = await rage(nemesis, {
    faults: faultsFor(options),
    ms: minutes * 60_000,
    isOver: system.hasEnded,
    say(one) {
      const { outcome, broken } = one;
      const how = broken === undefined || outcome.includes(broken) ? outcome : `${outcome}: ${broken}`;
      say(`${broken ? "✗ " : ""}${whomOf(one)}: ${how}`);
    },
  });
  if (system.hasEnded()) throw new Error("the whole system ended without being stopped");
  await heal(nemesis);
  const healedAtMs = performance.now();
  say("healed, waiting until everything is at rest");
  const loadStops = Promise.all([load.stop(), subscriptions.unschedule()]);
  const looked = { ...(await stopActive()), committed: await stopCommitted(), healthy: await stopHealthy() };
  await loadStops;
  const injected = faults.filter(({ missed }) => !missed);
  const during = {
    ...looked,
    faultsDone: injected.length,
    broken: faults.flatMap((one) => (one.broken ? [`${whomOf(one)}: ${one.broken}`] : [])),
    clocksSet: injected.filter(({ id }) => id === "F23").length,
  };
  return { seen: await gather(nemesis, during, healedAtMs, stop, say), faults };
}

/** Checks that only a long run with all faults must pass. In a short one they check nothing, and note what is lacking. */
function completeness(options: Options, { counters }: Evidence, faults: Done[]): Check[] {
  const isLong = (minutes: number) => options.minutes >= minutes && options.only.length === 0;
  const check = (number: number, name: string, all: unknown[], lacking: string[], isDue: boolean): Check => {
    const terms = isDue ? { checked: all.length, violations: lacking } : { checked: 0, violations: [] };
    return { number, name, ...terms, note: lacking.join("; ") };
  };
  const wanted = Object.entries(options.system === "cluster" ? inClusters : inBoth);
  const unseen = wanted.flatMap(([what, counter]) => (counters[counter] ? [] : [`never: ${what}`]));
  const deck = faultsFor(options);
  const [canSee, canDo] = [isLong(allSeenMinutes), isLong(allDoneMinutes)];
  return [
    check(32, "everything happened that must happen sometimes", wanted, unseen, canSee),
    check(33, "every fault was injected everywhere", deck, notDone(deck, faults), canDo),
  ];
}

const countsOf = ({
  history,
  journal,
  webhook,
  dump,
  counters,
  runs,
  malformed,
}: Evidence): Report["counts"] => ({
  Counts: {
    "requests acknowledged": history.requests.size,
    "executions acknowledged": history.executions.length,
    "executions stored": dump.executions.length,
    "runs started": runs.filter(({ event }) => event === "start").length,
    "submissions without a response": history.unanswered.size,
    "records in all topics": dump.records.length,
    "malformed records": malformed.length,
    "dead letters": dump.deadLetters.length,
    "idempotency keys": journal.keyed.size,
    "final responses to waits": journal.waited.length,
    "event streams": journal.streamed.length,
    "their connections": sum(journal.streamed.map(({ connections }) => connections)),
    "replays of single dead letters": journal.replays.length,
    "requests removed": journal.removed.size,
    "deliveries of the webhook": webhook.delivered.length,
    "deliveries refused once": webhook.refused,
  },
  "Counters of all processes": counters,
  "Processors of requests": countBy([...history.requests.values()].map(({ processor }) => processor)),
  Responses: history.answers,
});

const sum = (numbers: number[]) => numbers.reduce((total, one) => total + one, 0);

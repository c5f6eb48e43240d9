import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { groups } from "@sate/contracts";
import { readRunLog } from "../../runs/run-log.ts";
import { leftOf } from "../../system/children.ts";
import { isReady, type System } from "../../system/system.ts";
import { isWithin } from "../../until.ts";
import type { Nemesis } from "../faults/fault.ts";
import { resetGroup } from "../faults/topics.ts";
import { restMsMax } from "../invariants/rest.ts";
import { concurrency, maxFailures, type TorturedSystem } from "../system.ts";
import type { Dump, Evidence, StoredExecution } from "./evidence.ts";
import type { Store } from "./store.ts";
import { watchReadiness } from "./watch.ts";

const pollMs = 1_000;
/** A replay that reads nothing for this long is abandoned. That of an hour takes many minutes. */
const stillMs = 120_000;
/** Longer than the rest may take, so that a late rest is distinguished from none. */
const waitMs = restMsMax + 60_000;
const orphanMs = 5_000;
/** Texts in payloads and in errors that processors throw. */
const secrets = ['"big":12345678901234567890', "secret-canary"];

/** A handler that ignores its signal logs its end seconds after its run was decided, so only starts count. */
const startsIn = (runLog: string) => readRunLog(runLog).filter(({ event }) => event === "start").length;

/** Waits until everything is read, or nothing more is. Returns the lag that remains. */
async function leftToRead(store: Store): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  const isLess = async () => {
    const before = least;
    least = Math.min(least, await store.lag());
    return least < before;
  };
  while (least > 0 && (await isWithin(stillMs, isLess, pollMs)));
  return least;
}

/** Resets both groups to their beginning, and compares what is stored before and after. */
async function replay(nemesis: Nemesis, before: Dump): Promise<Evidence["replay"]> {
  const { system, store } = nemesis;
  const runsBefore = startsIn(system.runLog);
  for (const group of [groups.processor, groups.resultsListener]) {
    if (!(await resetGroup(nemesis, group, "to the beginning")))
      return { wasDone: false, runs: 0, changes: ["the groups could not be reset"] };
  }
  await isReady(system, 60_000);
  const left = await leftToRead(store);
  const after = await store.dump();
  const changes = left === 0 ? [] : [`the replay stopped at a lag of ${left}`];
  const stateOf = (one: StoredExecution) => `${one.status} ${one.epoch} ${one.result_id}`;
  const states = new Map(before.executions.map((one) => [one.id, stateOf(one)]));
  for (const one of after.executions) {
    const [was, is] = [states.get(one.id), stateOf(one)];
    if (was !== is) changes.push(`execution ${one.id} was ${was}, and is ${is}`);
  }
  if (after.results.length !== before.results.length)
    changes.push(`${before.results.length} results became ${after.results.length}`);
  return { wasDone: true, runs: startsIn(system.runLog) - runsBefore, changes };
}

/** The evidence that can be collected only while the system runs. */
export type Seen = Omit<Evidence, "orphans" | "usage">;

/**
 * After the heal, at `healedAtMs` by `performance.now()`: waits for the rest, then dumps databases, topics and logs, and
 * replays every record.
 */
export async function gather(
  nemesis: Nemesis,
  during: Pick<
    Evidence,
    "twoActive" | "snapshots" | "committed" | "healthy" | "faultsDone" | "broken" | "clocksSet"
  >,
  healedAtMs: number,
  stop: { counters: () => Promise<Evidence["counters"]>; runs: () => Evidence["lastAlive"] },
  say: (text: string) => void,
): Promise<Seen> {
  const { system, store, history, journal, subscriptions, malformed, stalls, fullDisks } = nemesis;
  const stopReadiness = watchReadiness(system);
  let why: string | null = null;
  const look = async () => {
    why = await store.restless().catch((error: Error) => `it could not be read: ${error.message}`);
    return why === null;
  };
  const isAtRest = await isWithin(healedAtMs + waitMs - performance.now(), look, pollMs);
  const restMs = isAtRest ? performance.now() - healedAtMs : null;
  say(restMs === null ? `never at rest: ${why}` : `at rest ${(restMs / 1_000).toFixed(1)} s after the heal`);
  const stuck = await stopReadiness();
  const dump = await store.dump();
  const runs = readRunLog(system.runLog);
  const lag = await store.lag();
  const counters = await stop.counters();
  const lastAlive = stop.runs();
  const seen = { dump, runs, lastAlive, counters, restMs, lag, stuck, logs: readLogs(system) };
  const { webhook, schedule, secret } = subscriptions;
  const noted = { history, journal, webhook, schedule, malformed, stalls, fullDisks };
  const terms = { maxFailures, concurrency, secrets: [system.serviceToken, secret, ...secrets] };
  // That of standalone follows the clock of its process.
  const isScheduleClockTrue = system.kind === "cluster" || during.clocksSet === 0;
  const isReplayed = system.kind === "cluster" && restMs !== null;
  if (isReplayed) say("replaying every record");
  const replayed = isReplayed ? await replay(nemesis, dump) : { wasDone: false, runs: 0, changes: [] };
  return { ...during, ...noted, ...terms, ...seen, isScheduleClockTrue, replay: replayed };
}

/** Those of our own processes, not of Kafka and the databases. */
function readLogs({ kind, dataDir }: System): { name: string; text: string }[] {
  const folder = kind === "cluster" ? join(dataDir, "cluster", "logs") : dataDir;
  return readdirSync(folder)
    .filter((name) => name.includes(".log") && !/^(kafka|mongo|runs)/.test(name))
    .map((name) => ({ name, text: readFileSync(join(folder, name), "utf8") }));
}

/** Processes that are still running after the stop. */
export async function orphansOf({ watch, dataDir }: TorturedSystem): Promise<string[]> {
  const left = () =>
    [
      ...watch.left().map(({ name, pid }) => `${name} ${pid}`),
      ...leftOf(dataDir, watch.boots()).map((pid) => `process ${pid}`),
    ].map((name) => `${name} was still running after everything had been stopped`);
  await isWithin(orphanMs, () => left().length === 0);
  return left();
}

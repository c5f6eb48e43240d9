import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { groups } from "@sate/contracts";
import { readRunLog } from "../../runs/run-log.ts";
import { isReady, type System, whoIsNotReady } from "../../system/system.ts";
import { isWithin } from "../../until.ts";
import { every } from "../every.ts";
import type { Nemesis } from "../faults/fault.ts";
import { resetGroup } from "../faults/groups.ts";
import { readyMsMax, restMsMax } from "../invariants/rest.ts";
import { concurrency, maxFailures, serviceToken } from "../system.ts";
import type { Dump, Evidence } from "./evidence.ts";
import type { Store } from "./store.ts";

const pollMs = 1_000;
/** A replay is given up when nothing was read of it for so long; what an hour has left takes many minutes. */
const stillMs = 120_000;
/** Beyond the time that it may take, so that a late rest is told from none. */
const waitMs = restMsMax + 60_000;

/** Waits until all is at rest. Answers how long after `healedAt` that was, or why it never came to it. */
export async function drain(
  { store }: Nemesis,
  healedAt: number,
): Promise<{ restMs: number | null; why: string | null }> {
  let why: string | null = "nobody looked";
  while (performance.now() - healedAt < waitMs) {
    why = await store.restless().catch((error: Error) => `it could not be read: ${error.message}`);
    if (why === null) return { restMs: performance.now() - healedAt, why };
    await Bun.sleep(pollMs);
  }
  return { restMs: null, why };
}

/** A handler that is deaf to its abort ends, and writes that down, seconds after its run was decided: that starts none. */
const startsIn = (runLog: string) => readRunLog(runLog).filter(({ event }) => event === "start").length;

/** Waits until all is read, or nothing more is. Answers how much is left. */
async function leftToRead(store: Store): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  let since = performance.now();
  while (least > 0 && performance.now() - since < stillMs) {
    await Bun.sleep(pollMs);
    const lag = await store.lag().catch(() => least); // a broker that does not answer is asked again
    if (lag >= least) continue;
    least = lag;
    since = performance.now();
  }
  return least;
}

/** Resets both groups to their beginning and compares what is stored before and after. */
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
  const changes = left === 0 ? [] : [`what was to be read again was not: the lag stands still at ${left}`];
  const states = new Map(
    before.executions.map((one) => [one.id, `${one.status} ${one.epoch} ${one.result_id}`]),
  );
  for (const { id, status, epoch, result_id } of after.executions) {
    const now = `${status} ${epoch} ${result_id}`;
    if (states.get(id) !== now) changes.push(`execution ${id} was ${states.get(id)}, and is ${now}`);
  }
  if (after.results.length !== before.results.length)
    changes.push(`${before.results.length} results became ${after.results.length}`);
  return { wasDone: true, runs: startsIn(system.runLog) - runsBefore, changes };
}

/** What of the evidence is seen only while the system runs. */
export type Seen = Omit<Evidence, "orphans" | "usage">;

/** After the heal: waits, dumps both databases, topics and logs, replays, and puts together what is checked. */
export async function gather(
  nemesis: Nemesis,
  more: Pick<Evidence, "twoActive" | "snapshots" | "committed" | "faultsDone" | "broken" | "clocksSet"> & {
    /** By `performance.now()`. */
    healedAt: number;
    counters: () => Promise<Record<string, number>>;
    say: (text: string) => void;
  },
): Promise<Seen> {
  const { twoActive, snapshots, committed, faultsDone, broken, clocksSet, healedAt } = more;
  const { system, store, history, malformed, stalls, fullDisks } = nemesis;
  const readiness = watchReadiness(system);
  const { restMs, why } = await drain(nemesis, healedAt);
  more.say(
    why === null ? `at rest ${((restMs ?? 0) / 1_000).toFixed(1)} s after the heal` : `never at rest: ${why}`,
  );
  const stuck = await readiness.stop();
  const dump = await store.dump();
  const runs = readRunLog(system.runLog);
  const lag = await store.lag();
  const counters = await more.counters();
  const pids = [...new Set(runs.map(({ pid }) => pid))];
  const lastAlive = Object.fromEntries(
    pids.flatMap((pid) => {
      const at = system.watch.lastAlive(pid);
      return at === undefined ? [] : [[pid, String(at)]];
    }),
  );
  more.say("checking a replay of every record");
  const isReplayed = system.kind === "cluster" && restMs !== null;
  return {
    history,
    dump,
    runs,
    lastAlive,
    malformed,
    stalls,
    fullDisks,
    committed,
    faultsDone,
    broken,
    twoActive,
    snapshots,
    clocksSet,
    counters,
    replay: isReplayed ? await replay(nemesis, dump) : { wasDone: false, runs: 0, changes: [] },
    restMs,
    lag,
    stuck,
    logs: readLogs(system),
    secrets: [serviceToken, '"big":12345678901234567890'],
    maxFailures,
    concurrency,
  };
}

/**
 * Looks from now on for processes that are not ready for long, though all is healed. Handlers that end their process go
 * on until all is at rest, so the time of each process counts from its own start.
 */
function watchReadiness(system: System): { stop(): Promise<string[]> } {
  const since = new Map<string, number>();
  const stuck = new Map<string, string>();
  async function look(): Promise<void> {
    const notReady = await whoIsNotReady(system);
    const those = new Set(notReady.map(({ name, pid }) => `${name} ${pid}`));
    for (const one of since.keys()) if (!those.has(one)) since.delete(one);
    for (const { name, pid, why } of notReady) {
      const key = `${name} ${pid}`;
      const from = since.get(key) ?? performance.now();
      since.set(key, from);
      if (performance.now() - from > readyMsMax)
        stuck.set(key, `${key} was not ready for more than ${readyMsMax / 1_000} s: ${why}`);
    }
  }
  const looking = every(pollMs, look);
  return {
    async stop() {
      await isWithin(readyMsMax * 2, () => since.size === 0 || stuck.size > 0);
      await looking.stop();
      return [...stuck.values()];
    },
  };
}

/** Of our own processes; what Kafka and the databases write is theirs. */
function readLogs({ kind, dataDir }: System): { name: string; text: string }[] {
  const folder = kind === "cluster" ? join(dataDir, "cluster", "logs") : dataDir;
  return readdirSync(folder)
    .filter((name) => name.includes(".log") && !/^(kafka|mongo|runs)/.test(name))
    .map((name) => ({ name, text: readFileSync(join(folder, name), "utf8") }));
}

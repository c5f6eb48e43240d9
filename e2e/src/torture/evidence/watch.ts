import { readdirSync } from "node:fs";
import { headerNames, topics } from "@sate/contracts";
import { periodic } from "@sate/contracts/runtime";
import { type Counters, countersOf, sumOfAll } from "../../measure.ts";
import { machineNs } from "../../runs/monotonic.ts";
import { followRunLog, keyOfRun } from "../../runs/run-log.ts";
import { childrenOf } from "../../system/children.ts";
import { kafkaLog, type ReadRecord } from "../../system/kafka.ts";
import { type Announced, isAlive, residentBytes, startOf } from "../../system/processes.ts";
import { type System, services, whoIsNotReady } from "../../system/system.ts";
import { isWithin } from "../../until.ts";
import type { Nemesis } from "../faults/fault.ts";
import { readyMsMax } from "../invariants/rest.ts";
import { parsed } from "../invariants/runs.ts";
import type { Evidence } from "./evidence.ts";
import { endSkips, placeOf } from "./skipped.ts";
import type { Ref } from "./store.ts";

const aliveEveryMs = 20;
const usageEveryMs = 5_000;
const countersEveryMs = 1_000;
const readinessEveryMs = 1_000;
const snapshotEveryMs = 3_000;
const committedEveryMs = 15_000;
/** Of each partition. */
const committedMost = 100;

/** Resident memory and open files of a process, at ages of its life. */
export type Usage = {
  name: string;
  pid: number;
  samples: { ageMs: number; bytes: number; handles: number }[];
};

export type Watch = ReturnType<typeof watchProcesses>;

/** Calls `look` until stopped, which returns the result. A failure is ignored: what it looks at may be frozen. */
export function every<T>(pauseMs: number, look: () => Promise<void>, result: () => T | Promise<T>) {
  const watching = periodic({ name: "", pauseMs, work: () => look().catch(() => {}), fatal() {} });
  watching.start();
  return () => watching.stop().then(result);
}

/** Watches every process from its announcement to its end, and which services have had children. */
export function watchProcesses(announced: () => Announced[], dataDir: string) {
  const all = new Map<number, Usage & { since: number; hasEnded: boolean }>();
  /** The process of each service that has had children, by the first part of their cookie. */
  const boots = new Map<string, number>();
  /** The services that had ended at the previous look, and sentences about children that outlived their service. */
  let ended = new Set<string>();
  const outlived = new Set<string>();
  const alive = () => [...all.values()].filter(({ hasEnded }) => !hasEnded);

  const look = setInterval(() => {
    for (const { name, pid } of announced()) {
      if (all.has(pid)) continue;
      all.set(pid, { name, pid, samples: [], since: performance.now(), hasEnded: false });
    }
    for (const one of alive()) one.hasEnded = !isAlive(one.pid);
  }, aliveEveryMs);
  const measure = setInterval(() => {
    for (const { pid, since, samples } of alive()) {
      const [bytes, handles] = [residentBytes(pid), handlesOf(pid)];
      if (bytes === undefined || handles === undefined) continue;
      samples.push({ ageMs: performance.now() - since, bytes, handles });
    }
    const children = childrenOf(dataDir);
    for (const { boot, parent } of children) if (all.has(parent)) boots.set(boot, parent);
    for (const { boot, pid } of children)
      if (ended.has(boot)) outlived.add(`process ${pid} outlived its service ${boots.get(boot)}`);
    ended = new Set([...boots].flatMap(([boot, pid]) => (isAlive(pid) ? [] : [boot])));
  }, usageEveryMs);

  return {
    usage: (): Usage[] => [...all.values()].filter(({ samples }) => samples.length > 0),
    /** The services that have had children, by the first part of their cookie. */
    boots: (): ReadonlySet<string> => new Set(boots.keys()),
    /** Sentences about processes that outlived, by seconds, the service that started them. */
    outlived: (): string[] => [...outlived],
    /** Processes that were started at any time and still run. */
    left: () => alive().filter(({ pid }) => isAlive(pid)),
    stop() {
      clearInterval(look);
      clearInterval(measure);
    },
  };
}

/**
 * Watches the processes of runs until the runs have ended. The result stops it, and returns for each run whose process
 * ended first when that was last seen alive, by the machine's monotonic clock.
 */
export function watchRuns(runLog: string): () => Map<string, bigint> {
  const next = followRunLog(runLog);
  const open = new Map<string, { pid: number; start: number | null; seenNs: bigint }>();
  const lastAlive = new Map<string, bigint>();
  const look = () => {
    const nowNs = machineNs();
    for (const event of next()) {
      const { pid, monotonic_ns } = event;
      if (event.event === "end") open.delete(keyOfRun(event));
      else open.set(keyOfRun(event), { pid, start: startOf(pid), seenNs: BigInt(monotonic_ns) });
    }
    for (const [key, run] of open) {
      if (run.start !== null && startOf(run.pid) === run.start) run.seenNs = nowNs;
      else {
        lastAlive.set(key, run.seenNs);
        open.delete(key);
      }
    }
  };
  const looking = setInterval(look, aliveEveryMs);
  return () => {
    clearInterval(looking);
    look();
    return lastAlive;
  };
}

/** Undefined where there is no /proc, or the process has ended. */
function handlesOf(pid: number): number | undefined {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return undefined;
  }
}

/** Counters of all processes, including those that have ended: the last values that each reported. */
export function watchCounters(system: System): () => Promise<Counters> {
  const byProcess = new Map<string, Counters>();
  const look = async () => {
    const all = services(system).map(async (one) => {
      const counters = await countersOf(one, system.serviceToken).catch(() => null);
      if (counters) byProcess.set(`${one.name} ${one.pid}`, counters);
    });
    await Promise.all(all);
  };
  return every(countersEveryMs, look, () => look().then(() => sumOfAll(byProcess.values())));
}

/** Takes snapshots of requests with two active executions. */
export function watchActive({ store }: Nemesis): () => Promise<Pick<Evidence, "twoActive" | "snapshots">> {
  const twoActive = new Set<string>();
  let snapshots = 0;
  const look = async () => {
    for (const id of await store.twoActive()) twoActive.add(id);
    snapshots++;
  };
  return every(snapshotEveryMs, look, () => ({ twoActive: [...twoActive], snapshots }));
}

/**
 * Reads the last records that the groups have committed. The databases must know each of them at that moment, since it
 * is not read again. Records that a group has skipped, or that took the place of those of a deleted topic, are left out.
 * Malformed ones are checked at the end. Standalone stores no records.
 */
export function watchCommitted({ system, store, skipped }: Nemesis): () => Promise<Evidence["committed"]> {
  const found: Evidence["committed"] = { looked: 0, unknown: [] };
  if (system.kind === "standalone") return async () => found;
  const look = async () => {
    const log = kafkaLog(system.kafka());
    const before = new Map(skipped);
    const positions = await log.positions();
    endSkips(skipped, before, positions);
    const records = (await log.committed(positions, committedMost)).filter(
      (record) => Number(record.offset) >= (skipped.get(placeOf(record))?.below ?? 0),
    );
    for (const kind of ["executions", "results"] as const) {
      const those = records.filter(({ topic }) => (topic === topics.executions) === (kind === "executions"));
      const refs = those.flatMap((record) => refOf(record) ?? []);
      found.looked += refs.length;
      for (const { request_id, attempt } of await store.unknown(kind, refs))
        found.unknown.push(`attempt ${attempt} at ${request_id} was committed and is not in ${kind}`);
    }
  };
  return every(committedEveryMs, look, () => found);
}

/** The execution that a record names. A refused attempt has none. */
function refOf({ value, headers }: ReadRecord): Ref | undefined {
  if (headers["x-torture"] || headers[headerNames.reason] === "max_failures") return undefined;
  const record = parsed(value && String(value));
  const { processing_request, attempt } = record?.execution ?? record ?? {};
  const request_id = processing_request?.id;
  if (typeof request_id !== "string" || typeof attempt !== "number") return undefined;
  return { request_id, attempt };
}

/**
 * Finds processes that are not ready for too long after the heal. Handlers that kill their process do so until
 * everything is at rest, so the time of each process counts from its own start.
 */
export function watchReadiness(system: System): () => Promise<string[]> {
  const since = new Map<string, number>();
  const stuck = new Map<string, string>();
  const look = async () => {
    const those = await whoIsNotReady(system);
    const notReady = new Map(those.map(({ name, pid, why }) => [`${name} ${pid}`, why]));
    for (const key of since.keys()) if (!notReady.has(key)) since.delete(key);
    for (const [key, why] of notReady) {
      const from = since.get(key) ?? performance.now();
      since.set(key, from);
      if (performance.now() - from > readyMsMax)
        stuck.set(key, `${key} was not ready for more than ${readyMsMax / 1_000} s: ${why}`);
    }
  };
  const stop = every(readinessEveryMs, look, () => [...stuck.values()]);
  return async () => {
    await look().catch(() => {});
    await isWithin(readyMsMax * 2, () => since.size === 0 || stuck.size > 0);
    return stop();
  };
}

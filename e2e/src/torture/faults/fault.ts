import type { History } from "../../clients/history.ts";
import { machineNs } from "../../runs/monotonic.ts";
import { type Announced, signal } from "../../system/processes.ts";
import type { RemoteWorker } from "../../system/remote-worker.ts";
import type { Malformed, Stall } from "../evidence/evidence.ts";
import type { Journal } from "../evidence/journal.ts";
import type { Skipped } from "../evidence/skipped.ts";
import type { Store } from "../evidence/store.ts";
import type { Subscriptions } from "../load/subscriptions.ts";
import type { Random } from "../random.ts";
import type { TorturedSystem } from "../system.ts";

export type Nemesis = {
  system: TorturedSystem;
  remote: RemoteWorker;
  store: Store;
  random: Random;
  history: History;
  journal: Journal;
  subscriptions: Subscriptions;
  malformed: Malformed[];
  stalls: Stall[];
  fullDisks: Stall[];
  skipped: Skipped;
  /** Proxy modes with the kinds of links that have met them. */
  met: Set<string>;
};

/** What a fault hit, and how it ended. `broken`: a promise about it that was not kept. */
export type Harm = { targets: string[]; outcome: string; broken?: string | undefined };

/**
 * One kind of harm. `run` heals what it did before it resolves. It rejects if the fault could not be injected, which
 * then does not count.
 */
export type Fault = {
  id: string;
  name: string;
  run(nemesis: Nemesis): Promise<Harm>;
  /** How long it may take, if that is longer than others. */
  mostMs?: number;
  /** Injected only in a run of at least this length, and once. */
  fromMinutes?: number;
};

export const fault = (id: string, name: string, run: Fault["run"], terms: Partial<Fault> = {}): Fault => ({
  id,
  name,
  run,
  ...terms,
});

/** The outcome of a fault whose promise is that `isKept`. */
export const kept = (targets: string[], isKept: boolean, outcome: string, otherwise: string): Harm =>
  isKept ? { targets, outcome } : { targets, outcome: otherwise, broken: otherwise };

export const namesOf = (those: { name: string }[]) => those.map(({ name }) => name);

/** Throws if the process has already ended. */
export function kill(pid: number | undefined, name: NodeJS.Signals): void {
  if (pid === undefined || !signal(pid, name)) throw new Error("the process had already ended");
}

/** A random process whose name begins with one of these. */
export function victim({ system, random }: Nemesis, ...prefixes: string[]): Announced {
  return random.pick(prefixes.flatMap((prefix) => system.processes(prefix)));
}

/** Stops processes for a while and notes the time, in which their runs stood still. */
export async function freeze({ stalls }: Nemesis, those: Announced[], ms: number): Promise<Harm> {
  const now = machineNs();
  const frozen = those.filter(({ pid }) => signal(pid, "SIGSTOP"));
  const own = frozen.map(({ pid }): Stall => ({ pid, fromNs: now, toNs: now }));
  stalls.push(...own);
  await Bun.sleep(ms);
  for (const stall of own) {
    signal(stall.pid, "SIGCONT");
    // It has one second more to notice.
    stall.toNs = machineNs() + 1_000_000_000n;
  }
  return { targets: namesOf(those), outcome: "continued" };
}

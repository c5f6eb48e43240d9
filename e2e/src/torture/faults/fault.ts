import type { History } from "../../clients/history.ts";
import { machineNs } from "../../runs/monotonic.ts";
import type { Announced } from "../../system/processes.ts";
import { isWithin } from "../../until.ts";
import type { FullDisk, Malformed, Stall } from "../evidence/evidence.ts";
import type { Store } from "../evidence/store.ts";
import type { Random } from "../random.ts";
import type { TorturedSystem } from "../system.ts";

export type Nemesis = {
  system: TorturedSystem;
  store: Store;
  random: Random;
  history: History;
  malformed: Malformed[];
  stalls: Stall[];
  fullDisks: FullDisk[];
  /** Below these offsets a group has skipped what it had not read: `topic/partition`. */
  skipped: Map<string, bigint>;
};

/** What a fault did. `missed`: it did not come to it, so it does not count. `broken`: a promise about it was not kept. */
export type Harm = { targets: string[]; outcome: string; missed?: true; broken?: string };

/** One kind of harm. It heals what it did before it resolves; its answer names whom it hit, and how. */
export type Fault = {
  id: string;
  name: string;
  /** It may take longer than others. */
  mostMs?: number;
  /** Only in a run of at least so many minutes, and once. */
  fromMinutes?: number;
  run(nemesis: Nemesis): Promise<Harm>;
};

/** A process of these, chosen at random. */
export function victim({ system, random }: Nemesis, ...prefixes: string[]): Announced {
  return random.pick(prefixes.flatMap((prefix) => system.processes(prefix)));
}

export async function restarted(nemesis: Nemesis, name: string, pid: number, ms: number): Promise<boolean> {
  return isWithin(ms, () =>
    nemesis.system.processes(name).some((one) => one.name === name && one.pid !== pid),
  );
}

/** Sends a signal. Answers whether the process was there. */
export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}

/** Stops a process for a while and notes that its runs stood still meanwhile. */
export async function freeze({ stalls }: Nemesis, { pid }: Announced, ms: number): Promise<void> {
  const stall: Stall = { pid, fromNs: machineNs(), toNs: machineNs() };
  if (!signal(pid, "SIGSTOP")) return;
  stalls.push(stall);
  try {
    await Bun.sleep(ms);
  } finally {
    signal(pid, "SIGCONT");
    // It meets its first turn only now; a second more is its time to notice.
    stall.toNs = machineNs() + 1_000_000_000n;
  }
}

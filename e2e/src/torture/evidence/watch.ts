import { readdirSync, readFileSync } from "node:fs";
import { machineNs } from "../../runs/monotonic.ts";
import { type Announced, isAlive } from "../../system/processes.ts";

const aliveEveryMs = 20;
const usageEveryMs = 5_000;
const kilobyte = 1_024;

/** Resident memory and open files of a process at a moment of its life. */
export type Usage = { ageMs: number; bytes: number; handles: number };

export type Watch = {
  /** By the machine's monotonic clock: when a process that is gone was last seen alive. */
  lastAlive(pid: number): bigint | undefined;
  usage(): { name: string; pid: number; samples: Usage[] }[];
  /** Processes that were started at any time, and are there still. */
  alive(): number[];
  stop(): void;
};

/** Looks at all processes that were announced, for as long as they live. */
export function watchProcesses(announced: () => Announced[]): Watch {
  const alive = new Map<number, { name: string; since: number; seenNs: bigint }>();
  const ended = new Map<number, bigint>();
  const usage = new Map<number, { name: string; pid: number; samples: Usage[] }>();

  const look = setInterval(() => {
    const nowNs = machineNs();
    for (const { name, pid } of announced()) {
      if (!alive.has(pid) && !ended.has(pid))
        alive.set(pid, { name, since: performance.now(), seenNs: nowNs });
    }
    for (const [pid, one] of alive) {
      if (isAlive(pid)) {
        one.seenNs = nowNs;
        continue;
      }
      alive.delete(pid);
      ended.set(pid, one.seenNs);
    }
  }, aliveEveryMs);
  const measure = setInterval(() => {
    for (const [pid, { name, since }] of alive) {
      const found = measured(pid);
      if (!found) continue;
      const own = usage.get(pid) ?? { name, pid, samples: [] };
      usage.set(pid, own);
      own.samples.push({ ageMs: performance.now() - since, ...found });
    }
  }, usageEveryMs);

  return {
    lastAlive: (pid) => ended.get(pid),
    usage: () => [...usage.values()],
    alive: () => [...alive.keys()].filter(isAlive),
    stop() {
      clearInterval(look);
      clearInterval(measure);
    },
  };
}

/** Undefined where there is no /proc, or the process is gone. */
function measured(pid: number): { bytes: number; handles: number } | undefined {
  try {
    const [, resident] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
    if (!resident) return undefined;
    return { bytes: Number(resident) * kilobyte, handles: readdirSync(`/proc/${pid}/fd`).length };
  } catch {
    return undefined;
  }
}

import { expect } from "bun:test";
import type { Settled } from "../clients/load.ts";
import { isAlive } from "../system/processes.ts";
import type { System } from "../system/system.ts";
import { type Run, runsOf } from "./run-log.ts";

/**
 * What ran did so once for each run that the database knows of, and never twice at a time: before a later run
 * began, the earlier one had ended, or its process had died. More than one run is no fault in itself: a
 * processor that was killed lost its runs, and one that was cut off for most of its lease gave them back.
 */
export function expectNoDoubleRun({ runLog }: Pick<System, "runLog">, settled: Settled[]): void {
  const all = runsOf(runLog);
  for (const { executionId, runs } of settled) {
    const own = all.get(executionId) ?? [];
    expect(new Set(own.map(({ epoch }) => epoch)).size).toBe(own.length);
    expect(own.length).toBeGreaterThanOrEqual(1);
    expect(own.length).toBeLessThanOrEqual(runs);
    expect(overlapsOf(own)).toEqual([]);
  }
}

/** Pairs of runs of one execution that may have been alive at the same moment. */
function overlapsOf(runs: Run[]): string[] {
  return runs.slice(1).flatMap((later, index) => {
    const earlier = runs[index] as Run;
    const isOver =
      earlier.endedAt === null ? !isAlive(earlier.pid) : earlier.endedAt <= BigInt(later.monotonic_ns);
    return isOver ? [] : [`${earlier.execution_id}: run ${earlier.epoch} beside run ${later.epoch}`];
  });
}

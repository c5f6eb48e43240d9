import { expect } from "bun:test";
import type { Settled } from "./load.ts";
import { startsOf } from "./run-log.ts";
import type { System } from "./system.ts";

/** Once for each run that the database knows of, and more than one run only where one was lost or given back. */
export function expectNoDoubleRun(
  { runLog }: Pick<System, "runLog">,
  settled: Settled[],
  mayBeLost: boolean,
): void {
  const starts = startsOf(runLog);
  for (const { executionId, runs, lost } of settled) {
    const own = starts.get(executionId) ?? [];
    expect(new Set(own.map(({ epoch }) => epoch)).size).toBe(own.length);
    expect(own.length).toBeGreaterThanOrEqual(1);
    expect(own.length).toBeLessThanOrEqual(runs);
    if (mayBeLost) expect(own.length - 1).toBeLessThanOrEqual(lost);
    else expect(own.length).toBe(1);
  }
}

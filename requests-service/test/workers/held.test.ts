import { expect, test } from "bun:test";
import type { RunRef } from "@sate/contracts";
import type { Execution } from "../../src/executions/execution.ts";
import { divideHeld } from "../../src/workers/held.ts";
import { madeExecution, newId, runOf } from "../builders.ts";

const runningOf = (claim_id: string, epoch = 1): Execution =>
  madeExecution({ status: "running", epoch, claim_id, worker_id: "w" });

test("without a list, a worker keeps all of its runs", () => {
  const running = [runningOf(newId()), runningOf(newId())];
  expect(divideHeld(running, {})).toEqual({ kept: running, unknown: [] });
  expect(divideHeld(running, { claim_id: newId() })).toEqual({ kept: running, unknown: [] });
});

test("a listed run is kept, with its present epoch only; so are all runs of the named claim, listed or not", () => {
  const [early, late] = [newId(), newId()];
  const listed = runningOf(early);
  const unlisted = runningOf(early);
  const stale = runningOf(early, 3);
  const underWay = [runningOf(late), runningOf(late, 2)];
  const running = [listed, unlisted, stale, ...underWay];
  const held = [runOf(listed), runOf(stale, 1), runOf(madeExecution(), 1)];
  // Whatever the order of the claims' ids.
  for (const [named, others] of [
    [late, early],
    [early, late],
  ]) {
    const { kept, unknown } = divideHeld(running, { held, claim_id: named });
    const isKept = (one: Execution) => one === listed || one.claim_id === named;
    expect(kept).toEqual(running.filter(isKept));
    expect(unknown).toEqual(running.filter((one) => !isKept(one)));
    expect(unknown.every(({ claim_id }) => claim_id === others)).toBe(true);
  }
});

test("a list may name an earlier run beside the present one of the same execution, in any order", () => {
  const running = [runningOf(newId(), 2)];
  const [earlier, present] = [1, 2].map((epoch) => runOf(running[0] as Execution, epoch)) as [RunRef, RunRef];
  for (const held of [
    [earlier, present],
    [present, earlier],
  ]) {
    expect(divideHeld(running, { held })).toEqual({ kept: running, unknown: [] });
  }
});

test("an empty list without a claim keeps nothing", () => {
  const running = [runningOf(newId())];
  expect(divideHeld(running, { held: [] })).toEqual({ kept: [], unknown: running });
});

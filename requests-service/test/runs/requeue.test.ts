import { expect, test } from "bun:test";
import { cancelled, Outcome } from "@sate/contracts";
import { Value } from "@sinclair/typebox/value";
import { outcomeWithoutRun } from "../../src/runs/outcome-without-run.ts";
import { endOfInterrupted } from "../../src/runs/requeue.ts";
import { madeExecution, newId } from "../builders.ts";

const lost = { status: "dead_lettered", error: { code: "lost" } };

test.each([
  ["a lost run is requeued", { lost: 0 }, true, null],
  ["also the last time that is allowed", { lost: 1 }, true, null],
  ["one that was lost too often is dead-lettered", { lost: 2 }, true, lost],
  ["one that was handed back does not count as lost", { lost: 2 }, false, null],
  ["one that was to be cancelled is not run again", { cancel_requested: true }, true, cancelled],
  ["nor if it was handed back", { cancel_requested: true }, false, cancelled],
] as const)("%s", (_, parts, isLost, end) => {
  const execution = madeExecution({ status: "running", epoch: 3, ...parts });
  const decided = endOfInterrupted(execution, isLost, 3);
  if (end === null) expect(decided).toBeNull();
  else expect(decided).toMatchObject(end);
});

test("an outcome without a run has the shape of the contract", () => {
  const ids = { resultId: newId(), now: Date.UTC(2020, 10, 7, 16, 31, 58, 103) };
  const outcome = outcomeWithoutRun(madeExecution(), cancelled, ids);
  expect(Value.Check(Outcome, outcome)).toBe(true);
  expect(outcome.processing_start_time).toBe("2020-11-07 16:31:58.103000");
});

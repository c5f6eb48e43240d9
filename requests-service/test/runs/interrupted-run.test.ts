import { expect, test } from "bun:test";
import { Outcome } from "@sate/contracts";
import { Value } from "@sinclair/typebox/value";
import { cancelledOutcome, decideInterruptedRun, outcomeWithoutRun } from "../../src/runs/interrupted-run.ts";
import { madeExecution, newId } from "../builders.ts";

const running = (lost: number, cancel_requested = false) =>
  madeExecution({ status: "running", epoch: lost + 1, lost, cancel_requested });

test("a lost run is requeued until it was lost too often", () => {
  const kinds = [0, 1, 2, 3].map((lost) => decideInterruptedRun(running(lost), true, 3).kind);
  expect(kinds).toEqual(["requeue", "requeue", "end", "end"]);
  expect(decideInterruptedRun(running(0), true, 1)).toMatchObject({
    status: "dead_lettered",
    error: { code: "lost" },
  });
});

test("a run that was handed back does not count as lost", () => {
  expect(decideInterruptedRun(running(2), false, 3)).toEqual({ kind: "requeue" });
});

test("a run that was to be cancelled is not run again, whether it was lost or handed back", () => {
  for (const isLost of [true, false]) {
    expect(decideInterruptedRun(running(2, true), isLost, 3)).toMatchObject({
      status: "cancelled",
      error: { code: "cancelled" },
    });
  }
});

test("an outcome without a run has the shape of the contract", () => {
  const made = { resultId: newId(), now: Date.UTC(2020, 10, 7, 16, 31, 58, 103) };
  const lost = outcomeWithoutRun("dead_lettered", { code: "lost", message: "It was lost." }, made);
  expect(Value.Check(Outcome, lost)).toBe(true);
  expect(Value.Check(Outcome, cancelledOutcome(made))).toBe(true);
  expect(lost).toMatchObject({
    processing_start_time: "2020-11-07 16:31:58.103000",
    processing_total_seconds: 0,
  });
});

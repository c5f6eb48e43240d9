import { expect, test } from "bun:test";
import { Outcome } from "@sate/contracts";
import { Value } from "@sinclair/typebox/value";
import { cancelledOutcome, decideReturn, outcomeWithoutRun } from "../src/ending.ts";
import { madeExecution, newId } from "./made.ts";

const running = (lost: number, cancelRequested = false) =>
  madeExecution({ status: "running", epoch: lost + 1, lost, cancelRequested });

test("a lost run goes back to the queue until it was lost too often", () => {
  const kinds = [0, 1, 2, 3].map((lost) => decideReturn(running(lost), true, 3).kind);
  expect(kinds).toEqual(["requeue", "requeue", "lost", "lost"]);
  expect(decideReturn(running(0), true, 1)).toMatchObject({ kind: "lost", error: { code: "lost" } });
});

test("a run that was handed back is charged nothing", () => {
  expect(decideReturn(running(2), false, 3)).toEqual({ kind: "requeue" });
});

test("one that somebody asked to cancel is not run again, however it came back", () => {
  for (const isLost of [true, false]) {
    expect(decideReturn(running(2, true), isLost, 3)).toMatchObject({
      kind: "cancel",
      error: { code: "cancelled" },
    });
  }
});

test("an outcome without a run is as the contract wants it", () => {
  const made = { resultId: newId(), now: Date.UTC(2020, 10, 7, 16, 31, 58, 103) };
  const lost = outcomeWithoutRun("dead_lettered", { code: "lost", message: "It was lost." }, made);
  expect(Value.Check(Outcome, lost)).toBe(true);
  expect(Value.Check(Outcome, cancelledOutcome(made))).toBe(true);
  expect(lost).toMatchObject({
    processing_start_time: "2020-11-07 16:31:58.103000",
    processing_total_seconds: 0,
  });
});

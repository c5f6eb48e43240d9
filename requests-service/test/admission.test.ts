import { describe, expect, test } from "bun:test";
import { type ExecutionStatus, limits } from "@sate/contracts";
import { type Admission, admit } from "../src/admission.ts";
import { madeExecution } from "./made.ts";

const executions = (statuses: ExecutionStatus[]) =>
  statuses.map((status, index) => madeExecution({ id: `e${index + 1}`, attempt: index + 1, status }));

const table: [ExecutionStatus[], Admission][] = [
  [[], { kind: "create", attempt: 1 }],
  [["queued"], { kind: "active", executionId: "e1" }],
  [["failed", "running"], { kind: "active", executionId: "e2" }],
  [["failed", "succeeded"], { kind: "succeeded", executionId: "e2" }],
  [["cancelled"], { kind: "create", attempt: 2 }],
  [["failed", "dead_lettered"], { kind: "create", attempt: 3 }],
  [["failed", "dead_lettered", "failed"], { kind: "exhausted", failures: 3 }],
  [["failed", "cancelled", "failed", "cancelled"], { kind: "create", attempt: 5 }],
  [["failed", "failed", "succeeded", "failed"], { kind: "succeeded", executionId: "e3" }],
  [["failed", "failed", "failed", "queued"], { kind: "active", executionId: "e4" }],
];

describe("admission with three failures allowed", () => {
  for (const [statuses, admission] of table) {
    test(`${statuses.join(", ") || "none"}: ${admission.kind}`, () => {
      const wish = { executionId: "new", maxFailures: 3 };
      expect(admit(executions(statuses), wish)).toEqual(admission);
    });
  }

  test("an execution that is there already is a repetition, whatever became of it and of others", () => {
    for (const statuses of [["running"], ["failed", "succeeded"], ["failed", "failed", "failed"]] as const) {
      const all = executions([...statuses]);
      expect(admit(all, { executionId: "e1", maxFailures: 1 })).toEqual({
        kind: "exists",
        execution: all[0] as never,
      });
    }
  });

  test("the number of attempts has an end, of cancelled ones too", () => {
    const many = (count: number) => executions(Array(count).fill("cancelled"));
    const wish = { executionId: "new", maxFailures: 3 };
    expect(admit(many(limits.attemptMax - 1), wish)).toEqual({ kind: "create", attempt: limits.attemptMax });
    expect(admit(many(limits.attemptMax), wish)).toEqual({ kind: "exhausted", failures: 0 });
  });
});

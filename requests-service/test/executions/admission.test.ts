import { describe, expect, test } from "bun:test";
import { type ExecutionStatus, limits } from "@sate/contracts";
import { type Decision, decideAdmission } from "../../src/executions/admission.ts";
import { madeExecution } from "../builders.ts";

const executions = (statuses: ExecutionStatus[]) =>
  statuses.map((status, index) => madeExecution({ id: `e${index + 1}`, attempt: index + 1, status }));

const table: [ExecutionStatus[], Decision][] = [
  [[], { kind: "create", attempt: 1 }],
  [["queued"], { kind: "active", execution_id: "e1" }],
  [["failed", "running"], { kind: "active", execution_id: "e2" }],
  [["failed", "succeeded"], { kind: "succeeded", execution_id: "e2" }],
  [["cancelled"], { kind: "create", attempt: 2 }],
  [["failed", "dead_lettered"], { kind: "create", attempt: 3 }],
  [["failed", "dead_lettered", "failed"], { kind: "exhausted", failures: 3, max_failures: 3 }],
  [["failed", "cancelled", "failed", "cancelled"], { kind: "create", attempt: 5 }],
  [["failed", "failed", "succeeded", "failed"], { kind: "succeeded", execution_id: "e3" }],
  [["failed", "failed", "failed", "queued"], { kind: "active", execution_id: "e4" }],
];

describe("admission with three failures allowed", () => {
  for (const [statuses, admission] of table) {
    test(`${statuses.join(", ") || "none"}: ${admission.kind}`, () => {
      const wish = { id: "new", max_failures: 3 };
      expect(decideAdmission(executions(statuses), wish)).toEqual(admission);
    });
  }

  test("an id that exists already is a repetition, whatever the status of its execution and of others", () => {
    for (const statuses of [["running"], ["failed", "succeeded"], ["failed", "failed", "failed"]] as const) {
      const all = executions([...statuses]);
      expect(decideAdmission(all, { id: "e1", max_failures: 1 })).toEqual({
        kind: "exists",
        execution: all[0] as never,
      });
    }
  });

  test("the number of attempts is limited, cancelled ones included", () => {
    const many = (count: number) => executions(Array(count).fill("cancelled"));
    const wish = { id: "new", max_failures: 3 };
    expect(decideAdmission(many(limits.attemptMax - 1), wish)).toEqual({
      kind: "create",
      attempt: limits.attemptMax,
    });
    expect(decideAdmission(many(limits.attemptMax), wish)).toEqual({
      kind: "exhausted",
      failures: 0,
      max_failures: 3,
    });
  });
});

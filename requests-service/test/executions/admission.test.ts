import { expect, test } from "bun:test";
import { type ExecutionStatus, limits } from "@sate/contracts";
import { decideAdmission } from "../../src/executions/admission.ts";
import { madeExecution } from "../builders.ts";

const executions = (statuses: ExecutionStatus[]) =>
  statuses.map((status, index) => madeExecution({ id: `e${index + 1}`, attempt: index + 1, status }));
const cancelled = (count: number): ExecutionStatus[] => Array(count).fill("cancelled");
const exhausted = (failures: number) => ({ kind: "exhausted", failures, max_failures: 3 });
const { attemptMax } = limits;

test.each([
  ["none", [], { kind: "create", attempt: 1 }],
  ["queued", ["queued"], { kind: "active", execution_id: "e1" }],
  ["running", ["failed", "running"], { kind: "active", execution_id: "e2" }],
  ["succeeded", ["failed", "succeeded"], { kind: "succeeded", execution_id: "e2" }],
  ["cancelled", ["cancelled"], { kind: "create", attempt: 2 }],
  ["two failures", ["failed", "dead_lettered"], { kind: "create", attempt: 3 }],
  ["three failures", ["failed", "dead_lettered", "failed"], exhausted(3)],
  ["cancelled do not count", ["failed", ...cancelled(2), "failed"], { kind: "create", attempt: 5 }],
  [
    "success before failures",
    [...Array(2).fill("failed"), "succeeded", "failed"],
    { kind: "succeeded", execution_id: "e3" },
  ],
  ["active before failures", [...Array(3).fill("failed"), "queued"], { kind: "active", execution_id: "e4" }],
  ["the last attempt", cancelled(attemptMax - 1), { kind: "create", attempt: attemptMax }],
  ["too many attempts", cancelled(attemptMax), exhausted(0)],
] as [string, ExecutionStatus[], object][])("with three failures allowed: %s", (_, statuses, decision) => {
  expect(decideAdmission(executions(statuses), { id: "new", max_failures: 3 })).toEqual(decision as never);
});

test.each([[["running"]], [["failed", "succeeded"]], [["failed", "failed", "failed"]]] as [
  ExecutionStatus[],
][])("an id that exists already is a repetition, whatever the statuses: %p", (statuses) => {
  const all = executions(statuses);
  const decision = decideAdmission(all, { id: "e1", max_failures: 1 });
  expect(decision).toEqual({ kind: "exists", execution: all[0] as never });
});

import { type Admission, limits } from "@sate/contracts";
import type { Execution } from "./execution.ts";

export type Decision =
  | { kind: "create"; attempt: number }
  /** This execution exists already: the call repeats one that took effect. */
  | { kind: "exists"; execution: Execution }
  | Extract<Admission, { kind: "active" | "succeeded" | "exhausted" }>;

/**
 * Decides whether a request with these executions may be executed once more. Pure. Attempts are dense, so the next one
 * is their number plus one, and the contender that stores it first decided on current data.
 */
export function decideAdmission(
  executions: Execution[],
  wanted: { id: string; max_failures: number },
): Decision {
  let failures = 0;
  for (const execution of executions) {
    if (execution.id === wanted.id) return { kind: "exists", execution };
    if (execution.status === "failed" || execution.status === "dead_lettered") failures++;
  }
  for (const { status, id } of executions) {
    if (status === "queued" || status === "running") return { kind: "active", execution_id: id };
    if (status === "succeeded") return { kind: "succeeded", execution_id: id };
  }
  if (failures < wanted.max_failures && executions.length < limits.attemptMax) {
    return { kind: "create", attempt: executions.length + 1 };
  }
  return { kind: "exhausted", failures, max_failures: Math.min(wanted.max_failures, limits.attemptMax) };
}

import { type Admission, limits, type NewExecution } from "@sate/contracts";
import type { Execution } from "./execution.ts";

export type Decision =
  | { kind: "create"; attempt: number }
  /** This execution exists already: the call repeats one that took effect, by its id or by its Idempotency-Key. */
  | { kind: "exists"; execution: Execution }
  | Extract<Admission, { kind: "removed" | "key_reused" | "active" | "succeeded" | "exhausted" }>;

/**
 * Decides whether a request with these executions may be executed once more. Pure. Attempts are dense, so the next one
 * is their number plus one, and the contender that stores it first decided on current data.
 */
export function decideAdmission(
  executions: Execution[],
  wanted: Pick<NewExecution, "id" | "max_failures" | "key">,
): Decision {
  const { id, key, max_failures } = wanted;
  if (isRemoved(executions)) return { kind: "removed" };
  let failures = 0;
  for (const execution of executions) {
    if (execution.id === id) return { kind: "exists", execution };
    if (key && execution.key_hash === key.hash) {
      return execution.body_hash === key.body_hash ? { kind: "exists", execution } : { kind: "key_reused" };
    }
    if (execution.status === "failed" || execution.status === "dead_lettered") failures++;
  }
  for (const { status, id: execution_id } of executions) {
    if (status === "queued" || status === "running") return { kind: "active", execution_id };
    if (status === "succeeded") return { kind: "succeeded", execution_id };
  }
  if (failures < max_failures && executions.length < limits.attemptMax) {
    return { kind: "create", attempt: executions.length + 1 };
  }
  return { kind: "exhausted", failures, max_failures: Math.min(max_failures, limits.attemptMax) };
}

/** Whether the removal of a request with these executions was admitted: it is the last attempt, and stays so. */
export function isRemoved(executions: Pick<Execution, "status">[]): boolean {
  return executions.at(-1)?.status === "removed";
}

import { limits } from "@sate/contracts";
import type { Execution } from "./execution.ts";

export type Admission =
  | { kind: "create"; attempt: number }
  /** This very execution exists: the call is a repetition of one that succeeded. */
  | { kind: "exists"; execution: Execution }
  | { kind: "active"; executionId: string }
  | { kind: "succeeded"; executionId: string }
  | { kind: "exhausted"; failures: number };

/**
 * May a request with these executions be executed once more? Pure. Attempts are dense, so the next one is
 * their number plus one, and whoever stores it first was right about what it saw.
 */
export function admit(
  executions: Execution[],
  attempt: { executionId: string; maxFailures: number },
): Admission {
  let failures = 0;
  for (const execution of executions) {
    if (execution.id === attempt.executionId) return { kind: "exists", execution };
    if (execution.status === "failed" || execution.status === "dead_lettered") failures++;
  }
  for (const { status, id } of executions) {
    if (status === "queued" || status === "running") return { kind: "active", executionId: id };
    if (status === "succeeded") return { kind: "succeeded", executionId: id };
  }
  if (failures >= attempt.maxFailures || executions.length >= limits.attemptMax) {
    return { kind: "exhausted", failures };
  }
  return { kind: "create", attempt: executions.length + 1 };
}

import type { RequestRecord } from "@sate/contracts";
import { type Execution, removalMarks } from "../executions/execution.ts";
import { endOf, timeOfId } from "./age.ts";
import type { OldRequest } from "./port.ts";

export type RemovalDecision =
  /** As this attempt. */
  | { kind: "admit"; attempt: number }
  /** Earlier, as this attempt, and not everything is removed yet. */
  | { kind: "begun"; attempt: number }
  | { kind: "removed" }
  | { kind: "active"; execution_id: string };

/**
 * Decides whether a request with these executions may be removed. Pure. A removal is admitted like an execution: it takes
 * the next attempt, and the process that stores this attempt decided on current data. So no execution can be created at
 * the same time or later.
 */
export function decideRemoval(
  { start }: Pick<RequestRecord, "start">,
  executions: Execution[],
): RemovalDecision {
  const last = executions.at(-1);
  if (last?.status === "removed") {
    const { attempt, mark } = last;
    return mark === removalMarks.begun ? { kind: "begun", attempt } : { kind: "removed" };
  }
  const active = executions.find(({ status }) => status === "queued" || status === "running");
  if (active) return { kind: "active", execution_id: active.id };
  // An execution that was accepted together with the request, and does not exist yet.
  if (start && executions.length === 0) return { kind: "active", execution_id: start.execution_id };
  return { kind: "admit", attempt: executions.length + 1 };
}

/** Whether everything of a request, its creation and the ends of its executions, was before `instant`. Pure. */
export function isOlder({ id, start }: OldRequest, executions: Execution[], instant: number): boolean {
  if (start || timeOfId(id) >= instant) return false;
  return executions.every((execution) => {
    const end = endOf(execution);
    return execution.status !== "removed" && end !== null && end < instant;
  });
}

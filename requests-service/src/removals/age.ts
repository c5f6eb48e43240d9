import type { Execution } from "../executions/execution.ts";

/** The instant in a UUIDv7, in ms since 1970. https://www.rfc-editor.org/rfc/rfc9562#section-5.7 */
export function timeOfId(id: string): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}

/**
 * When an execution ended, for its age; `null` if it has not, or if its result is not known to be recorded. One that ended
 * in an earlier version ended by its deadline; without one, only its creation is known.
 */
export function endOf({ id, status, mark, ended_at, deadline_at }: Execution): number | null {
  if (status === "queued" || status === "running" || mark !== undefined) return null;
  return ended_at ?? deadline_at ?? timeOfId(id);
}

import type { RunRef } from "@sate/contracts";
import type { Execution } from "../executions/execution.ts";

/**
 * Divides the running executions of a worker by its heartbeat. `kept`: the runs that the heartbeat lists with their
 * current epoch, and those of the claim that it names, whose response may still be on its way. `unknown`: all others,
 * because the worker has sent another claim since, so the response to theirs was lost. Claims are compared for equality
 * only, because their ids may have any order. Pure.
 */
export function divideHeld(
  running: Execution[],
  { held, claim_id }: { held?: RunRef[] | undefined; claim_id?: string | undefined },
): { kept: Execution[]; unknown: Execution[] } {
  if (held === undefined) return { kept: running, unknown: [] };
  // A worker may list two runs of one execution, if it lost the first and then claimed the execution again.
  const listed = new Set(held.map(({ execution_id, epoch }) => `${execution_id} ${epoch}`));
  const { kept = [], unknown = [] } = Object.groupBy(running, ({ id, epoch, claim_id: claim }) =>
    listed.has(`${id} ${epoch}`) || claim === claim_id ? "kept" : "unknown",
  );
  return { kept, unknown };
}

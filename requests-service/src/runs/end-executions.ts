import { outcomeMark } from "@sate/contracts";
import { type Execution, runRefOf } from "../executions/execution.ts";
import type { Outbox } from "../outbox/outbox.ts";
import type { Ports, Runs } from "../ports.ts";
import { type End, outcomeWithoutRun } from "./outcome-without-run.ts";

/** `lost`: the number of lost runs, where losing this one is what ended the execution. */
export type Ending = { execution: Execution; end: End; lost?: number };

/**
 * Ends executions that no processor ended, and publishes their outcomes. `write`: `Runs.finish` for running executions,
 * `Waiting.end` for queued ones. It is conditional on the epoch, so an execution that has changed since it was read
 * stays as it is. Returns for each whether it ended.
 */
export type EndExecutions = (endings: Ending[], write: Runs["finish"]) => Promise<boolean[]>;

export function createEndExecutions(
  { clock, newId }: Pick<Ports, "clock" | "newId">,
  outbox: Pick<Outbox, "publishAllSoon">,
): EndExecutions {
  return async (endings, write) => {
    const ended = endings.map(({ execution, end, ...lost }) => {
      const outcome = outcomeWithoutRun(execution, end, { resultId: newId(), now: clock() });
      const run = { ...runRefOf(execution), outcome, ...lost };
      return {
        run,
        execution: { ...execution, ...lost, status: outcome.status, outcome, mark: outcomeMark },
      };
    });
    const ends = await write(ended.map(({ run }) => run));
    const areStored = ends.map((end) => end === "stored");
    await outbox.publishAllSoon(
      ended.filter((_, index) => areStored[index]).map(({ execution }) => execution),
    );
    return areStored;
  };
}

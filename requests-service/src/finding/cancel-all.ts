import { cancelled, Unavailable } from "@sate/contracts";
import { type Execution, runRefOf } from "../executions/execution.ts";
import type { Outbox } from "../outbox/outbox.ts";
import type { Ports } from "../ports.ts";
import { createEndExecutions } from "../runs/end-executions.ts";

/** A round is lost if an execution was claimed or requeued during it. This many in a row do not happen. */
const roundsMax = 20;

type Ended = { request_id: string; execution_id: string };

/**
 * Cancels executions: queued ones end at once, for running ones the cancellation is requested. Returns those that ended
 * in another way meanwhile. May be repeated. Costs a fixed number of commands for each round, and one round if nothing
 * else changes them.
 */
export function createCancelAll(ports: Ports, outbox: Pick<Outbox, "publishAllSoon">) {
  const { store } = ports;
  const endExecutions = createEndExecutions(ports, outbox);

  return async (executions: Execution[]): Promise<Ended[]> => {
    let open = executions.filter(isOpen);
    const ended = executions.filter(hasEndedOtherwise);
    for (let round = 0; open.length > 0; round++) {
      if (round === roundsMax) throw new Unavailable("The executions changed too often to be cancelled.");
      const { queued = [], running = [] } = Object.groupBy(open, ({ status }) =>
        status === "queued" ? "queued" : "running",
      );
      const endings = queued.map((execution) => ({ execution, end: cancelled }));
      const isEnded = await endExecutions(endings, store.waiting.end);
      await store.executions.requestCancel(running.map(runRefOf));
      const unsure = [...queued.filter((_, index) => !isEnded[index]), ...running];
      const now = await store.executions.get(unsure);
      ended.push(...now.filter(hasEndedOtherwise));
      open = now.filter(isOpen);
    }
    return ended.map(({ request_id, id }) => ({ request_id, execution_id: id }));
  };
}

function isOpen({ status, cancel_requested }: Execution): boolean {
  return status === "queued" || (status === "running" && !cancel_requested);
}

function hasEndedOtherwise({ status }: Execution): boolean {
  return status !== "queued" && status !== "running" && status !== "cancelled";
}

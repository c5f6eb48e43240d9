import { type FinishedRun, limits, type Outcome, type Run, Unavailable } from "@sate/contracts";
import { errorFields, microBatch } from "@sate/contracts/runtime";
import type { Lease } from "../lease/lease.ts";
import type { Ports, Requests } from "../ports.ts";
import { backoffMs, pause } from "../time.ts";

type FinisherPorts = Pick<Ports, "time" | "random" | "counters" | "log"> & {
  requests: Pick<Requests, "finish">;
};
type Ended = { run: Run; workerId: string; outcome: Outcome };

/** `dropped`: not sent any more, because the lease of the run's worker has expired or the processor ends. */
type Finished = "stored" | "refused" | "unknown" | "dropped";

/** After this many attempts in a batch a run is reported alone, so that a poison one does not hold up the others. */
const attemptsTogether = 3;

/**
 * Reports outcomes to requests-service in batches: one call at a time, with all that arrived meanwhile. A report is
 * safe to repeat. It is never sent for a run whose worker has expired: the database has given the run to another
 * worker, or is about to.
 */
export function createFinisher(ports: FinisherPorts, lease: Pick<Lease, "id">) {
  const { requests, time, random, counters, log } = ports;
  const closing = new AbortController();

  async function send(ended: Ended[]): Promise<Finished[]> {
    const live = ended.filter(({ workerId }) => !closing.signal.aborted && lease.id() === workerId);
    if (live.length === 0) return ended.map(() => "dropped");
    counters.add("finish_calls");
    const { answers } = await requests.finish({ runs: live.map(finishedRun) });
    if (answers.length !== live.length) {
      const reason = "unexpected_response";
      throw new Unavailable("requests-service did not return a result for every outcome", { reason });
    }
    const kinds = new Map(live.map((one, index) => [one, answers[index]?.kind]));
    return ended.map((one) => kinds.get(one) ?? "dropped");
  }

  const limit = {
    sizeMax: limits.batchBytesMax,
    sizeOf: ({ outcome }: Ended) => (outcome.status === "succeeded" ? outcome.outputs_json.length : 0),
  };
  const together = microBatch(send, { ...limit, itemsMax: limits.batchItemsMax });
  const alone = microBatch(send, { ...limit, itemsMax: 1 });

  return {
    /** Retries until the report is acknowledged, the worker's lease has expired, or `close`. Never rejects. */
    async finish(ended: Ended): Promise<Finished> {
      for (let attempts = 1; ; attempts++) {
        try {
          return await (attempts <= attemptsTogether ? together : alone)(ended);
        } catch (error) {
          counters.add("finishes_repeated");
          log.debug("outcome not acknowledged; reporting is retried", { attempts, ...errorFields(error) });
          await pause(time, backoffMs(attempts, random()), closing.signal);
        }
      }
    },
    /** Drops what is not acknowledged yet. */
    close: () => closing.abort(),
  };
}

export type Finisher = ReturnType<typeof createFinisher>;

function finishedRun({ run, outcome }: Ended): FinishedRun {
  const { request_id, attempt, execution_id, epoch } = run;
  return { request_id, attempt, execution_id, epoch, outcome };
}

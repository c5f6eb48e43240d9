import {
  type ExecutionError,
  limits,
  type Outcome,
  type RequestsApi,
  type Run,
  runRef,
  Unavailable,
} from "@sate/contracts";
import { errorFields, microBatch } from "@sate/contracts/runtime";
import type { Lease } from "../lease/lease.ts";
import type { Ports, Requests } from "../ports.ts";
import { backoffMs, pause } from "../time.ts";

type FinisherPorts = Pick<Ports, "time" | "random" | "counters" | "log"> & {
  requests: Pick<Requests, "finish" | "retryLater">;
};
type OfRun = { run: Run; workerId: string };
type Ended = OfRun & { outcome: Outcome };
type Failed = OfRun & { pauseMs: number; error: ExecutionError };

/** `dropped`: no longer sent, because the lease of the run's worker has expired or the processor stops. */
type ReportResult<Name extends "finish" | "retryLater"> =
  | Awaited<ReturnType<RequestsApi[Name]>>["answers"][number]["kind"]
  | "dropped";

/** After this many attempts in a batch a run is reported alone, so that a poison one does not hold up the others. */
const attemptsTogether = 3;

/**
 * Reports the ends of runs to requests-service: outcomes, and failed tries that will be retried. Each kind is sent in
 * batches: one call is in flight at a time, with all reports that arrived meanwhile. A report is safe to repeat. It is
 * never sent for a run whose worker has expired: the database has given the run to another worker, or is about to.
 */
export function createFinisher(ports: FinisherPorts, lease: Pick<Lease, "id">) {
  const { requests, time, random, counters, log } = ports;
  const closing = new AbortController();

  /** Retries until the report is acknowledged, the worker's lease has expired, or `close`. Never rejects. */
  function reporter<Report extends OfRun, Kind extends string>(
    call: (reports: Report[]) => Promise<{ answers: { kind: Kind }[] }>,
    sizeOf: (report: Report) => number,
  ) {
    async function send(reports: Report[]): Promise<(Kind | "dropped")[]> {
      const live = reports.filter(({ workerId }) => !closing.signal.aborted && lease.id() === workerId);
      if (live.length === 0) return reports.map(() => "dropped");
      counters.add("finish_calls");
      const { answers } = await call(live);
      if (answers.length !== live.length) {
        const reason = "unexpected_response";
        throw new Unavailable("requests-service did not return a result for every outcome", { reason });
      }
      const kinds = new Map(live.map((one, index) => [one, answers[index]?.kind]));
      return reports.map((one) => kinds.get(one) ?? "dropped");
    }

    const limit = { sizeMax: limits.batchBytesMax, sizeOf };
    const together = microBatch(send, { ...limit, itemsMax: limits.batchItemsMax });
    const alone = microBatch(send, { ...limit, itemsMax: 1 });

    return async (report: Report): Promise<Kind | "dropped"> => {
      for (let attempts = 1; ; attempts++) {
        try {
          return await (attempts <= attemptsTogether ? together : alone)(report);
        } catch (error) {
          counters.add("finishes_repeated");
          log.debug("outcome not acknowledged; reporting is retried", { attempts, ...errorFields(error) });
          await pause(time, backoffMs(attempts, random()), closing.signal);
        }
      }
    };
  }

  const finish: (ended: Ended) => Promise<ReportResult<"finish">> = reporter(
    (all) => requests.finish({ runs: all.map(({ run, outcome }) => ({ ...runRef(run), outcome })) }),
    ({ outcome }) => (outcome.status === "succeeded" ? outcome.outputs_json.length : 0),
  );
  const retryLater: (failed: Failed) => Promise<ReportResult<"retryLater">> = reporter(
    (all) =>
      requests.retryLater({
        runs: all.map(({ run, pauseMs, error }) => ({ ...runRef(run), delay_ms: pauseMs, error })),
      }),
    () => 0,
  );

  return {
    finish,
    /** Requeues the execution, to run after the pause. */
    retryLater,
    /** Drops all reports that are not acknowledged yet. */
    close: () => closing.abort(),
  };
}

export type Finisher = ReturnType<typeof createFinisher>;

import type { ProcessorRecord, RunRef } from "@sate/contracts";
import { type ApiKey, mayServe } from "../access/api-keys.ts";
import { unknownId } from "../http/parameters.ts";
import type { Ports } from "../ports.ts";

/** Maximum age of the list of processors. */
const freshMs = 1_000;

/** Creates access to the remote workers that requests-service knows. The gateway itself keeps no record of them. */
export function createLiveWorkers({ requests, monotonic }: Pick<Ports, "requests" | "monotonic">) {
  let last: { since: number; processors: Promise<ProcessorRecord[]> } | undefined;

  /** Concurrent callers share one call. */
  function processorsWithin(maxAgeMs: number): Promise<ProcessorRecord[]> {
    const since = monotonic();
    if (last !== undefined && since - last.since < maxAgeMs) return last.processors;
    const asked = requests.listProcessors({ without_inputs: true }).then(({ processors }) => processors);
    const entry = { since, processors: asked };
    last = entry;
    asked.catch(() => {
      if (last === entry) last = undefined;
    });
    return asked;
  }

  return {
    /** Renews the lease of a worker. Returns the runs that it holds; throws the refusal if its lease has expired. */
    async renew(worker_id: string): Promise<(RunRef & { cancel: boolean })[]> {
      const beat = await requests.heartbeat({ worker_id });
      if (beat.kind === "given_up") throw unknownId("unknown_worker");
      return beat.runs;
    },

    /** The processors that the worker has announced and that its key may serve. */
    async servedBy(worker_id: string, key: ApiKey | undefined): Promise<ProcessorRecord[]> {
      for (const maxAgeMs of [freshMs, 0]) {
        const processors = await processorsWithin(maxAgeMs);
        const served = processors.filter(({ workers }) => workers.some(({ id }) => id === worker_id));
        if (served.length > 0) return served.filter(({ name }) => mayServe(key, name));
        // The worker may have registered a moment ago, perhaps with another gateway.
      }
      throw unknownId("unknown_worker");
    },
  };
}

export type LiveWorkers = ReturnType<typeof createLiveWorkers>;

import { type FinishedRun, limits, type Outcome, type Run } from "@sate/contracts";
import { backoffMs } from "./backoff.ts";
import { type Requests, Unavailable } from "./ports.ts";
import { errorFields, type Log } from "./runtime/log.ts";
import type { Counters } from "./runtime/metrics.ts";
import { microBatch } from "./runtime/micro-batch.ts";
import { pause, type Time } from "./time.ts";

/** `dropped`: not sent any more, because the run's worker is gone or the processor ends. */
export type Finished = "stored" | "refused" | "unknown" | "dropped";

export type Finisher = {
  /** Tells the outcome of a run, again and again until it is answered. Never rejects. */
  finish(ended: Ended): Promise<Finished>;
  /** Drops what is not answered yet. */
  close(): void;
};

type Ended = { run: Run; workerId: string; outcome: Outcome };

/** After so many tries in company a run is told alone: one that cannot be told must not hold up the others. */
const triesTogether = 3;

/**
 * Finishes runs in batches: one call at a time, with all that has gathered meanwhile. A finish is safe to
 * repeat, and that of a run whose worker is gone is never sent: the database has given it to another, or is
 * about to.
 */
export function createFinisher(parts: {
  requests: Pick<Requests, "finish">;
  isCurrent: (workerId: string) => boolean;
  time: Time;
  random: () => number;
  counters: Counters;
  log: Log;
}): Finisher {
  const { requests, isCurrent, time, random, counters, log } = parts;
  const closing = new AbortController();

  async function send(ended: Ended[]): Promise<Finished[]> {
    const live = ended.filter(({ workerId }) => !closing.signal.aborted && isCurrent(workerId));
    if (live.length === 0) return ended.map(() => "dropped");
    counters.add("finish_calls");
    const { answers } = await requests.finish({ runs: live.map(onWire) });
    if (answers.length !== live.length)
      throw new Unavailable("requests-service did not answer every finish.");
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
    async finish(ended) {
      for (let tries = 1; ; tries++) {
        try {
          return await (tries <= triesTogether ? together : alone)(ended);
        } catch (error) {
          counters.add("finishes_repeated");
          log.debug("a finish was not answered; it is repeated", { tries, ...errorFields(error) });
          await pause(time, backoffMs(tries, random()), closing.signal);
        }
      }
    },
    close: () => closing.abort(),
  };
}

function onWire({ run, outcome }: Ended): FinishedRun {
  const { request_id, attempt, execution_id, epoch } = run;
  return { request_id, attempt, execution_id, epoch, outcome };
}

import type { Periodic } from "@sate/contracts/runtime";
import type { Claimer } from "./claims/claimer.ts";
import type { Heartbeat } from "./lease/heartbeat.ts";
import type { Finisher } from "./outcomes/finish.ts";
import type { OutcomePublisher } from "./outcomes/publish.ts";
import type { Ports } from "./ports.ts";
import type { Runs } from "./runs/table.ts";
import { within } from "./time.ts";

/** The part of the time for a stop that is reserved for the steps after the handlers: the smaller of the two. */
const reserveMsMost = 5_000;
const reserveShareMost = 0.4;

/**
 * A clean stop, within `shutdownMs` even if no dependency responds. Each step is waited for up to a point in time;
 * what it leaves undone is done by the sweepers of requests-service or by another processor.
 *
 * 1. No more claims, and the consumer leaves its group. Running handlers may end and are reported as usual; heartbeats
 *    go on.
 * 2. Handlers that still run are aborted, without an outcome. The outcomes of the others are reported.
 * 3. The worker ends: what it still holds is requeued and not counted as lost.
 * 4. Stored outcomes are published, and the connections close.
 */
export async function shutDown(
  { consumer, publisher, time, log }: Ports,
  shutdownMs: number,
  parts: {
    claimer: Claimer;
    runs: Runs;
    finisher: Finisher;
    heartbeat: Heartbeat;
    outcomes: OutcomePublisher;
    tasks: Periodic[];
  },
): Promise<void> {
  const { claimer, runs, finisher, heartbeat, outcomes, tasks } = parts;
  const endsAt = time.monotonic() + shutdownMs;
  const reserveMs = Math.min(shutdownMs * reserveShareMost, reserveMsMost);
  /** Waits until `work` is done or only that share of the reserve is left. */
  const upTo = (shareLeft: number, work: Promise<unknown>): Promise<boolean> =>
    within(time, work, endsAt - reserveMs * shareLeft - time.monotonic());

  const left = consumer.stop();
  const claimed = claimer.close();
  if (!(await upTo(1, runs.ended()))) log.info("runs that did not end in time are requeued");
  void runs.abortAll("stopping");
  await upTo(0.5, Promise.all([runs.gone(), claimed]));
  finisher.close();
  await upTo(0.4, Promise.all(tasks.map((task) => task.stop())));
  if (!(await upTo(0.3, heartbeat.end()))) log.warn("could not end the worker; the sweepers will");
  await upTo(0.15, outcomes.flush());
  await upTo(0.05, Promise.all([left, publisher.close()]));
}

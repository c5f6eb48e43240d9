import type { Announcer } from "./announcer.ts";
import type { Finisher } from "./finisher.ts";
import type { Intake } from "./intake.ts";
import type { Consumer, Publisher } from "./ports.ts";
import type { Runs } from "./runs.ts";
import type { Log } from "./runtime/log.ts";
import type { Periodic } from "./runtime/periodic.ts";
import { type Time, within } from "./time.ts";
import type { Worker } from "./worker.ts";

/** Of the time for a stop, at most this is kept for what comes after the handlers. */
const reserveMsMost = 5_000;
const reserveShareMost = 0.4;

/**
 * A clean stop, within `shutdownMs` whatever the others do. Each step has a point in time up to which it is
 * waited for; what a step leaves undone, others do: the sweepers of requests-service, or another processor.
 *
 * 1. No more claims, and the consumer leaves its group. Handlers that run may end, and finish as ever; the
 *    heart goes on beating meanwhile.
 * 2. Those that still run are aborted, without an outcome. The outcomes of the others are told.
 * 3. The worker ends: what it still holds goes back to the queue, not counted as lost.
 * 4. What is stored is published; the connections close.
 */
export async function shutDown(
  parts: {
    consumer: Consumer;
    publisher: Publisher;
    intake: Intake;
    runs: Runs;
    finisher: Finisher;
    worker: Worker;
    announcer: Announcer;
    tasks: Periodic[];
    time: Time;
    log: Log;
  },
  shutdownMs: number,
): Promise<void> {
  const { consumer, publisher, intake, runs, finisher, worker, announcer, tasks, time, log } = parts;
  const endsAt = time.monotonic() + shutdownMs;
  const reserveMs = Math.min(shutdownMs * reserveShareMost, reserveMsMost);
  /** Waits until `work` is done or only that share of the reserve is left. */
  const upTo = (shareLeft: number, work: Promise<unknown>): Promise<boolean> =>
    within(time, work, endsAt - reserveMs * shareLeft - time.monotonic());

  const left = consumer.stop();
  const claimed = intake.close();
  if (!(await upTo(1, runs.quiet()))) log.info("runs that did not end in time are handed back");
  void runs.abortAll("stopping");
  await upTo(0.5, Promise.all([runs.empty(), claimed]));
  finisher.close();
  await upTo(0.4, Promise.all(tasks.map((task) => task.stop())));
  if (!(await upTo(0.3, worker.end()))) log.warn("could not end the worker; it will be swept");
  await upTo(0.15, announcer.flush());
  await upTo(0.05, Promise.all([left, publisher.close()]));
}

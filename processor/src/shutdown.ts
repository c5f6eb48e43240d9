import type { Periodic } from "@sate/contracts/runtime";
import type { Claimer } from "./claims/claimer.ts";
import type { Heartbeat } from "./lease/heartbeat.ts";
import type { LogSender } from "./logs/sender.ts";
import type { Finisher } from "./outcomes/finish.ts";
import type { OutcomePublisher } from "./outcomes/publish.ts";
import type { Ports } from "./ports.ts";
import type { Runs } from "./runs/table.ts";
import { within } from "./time.ts";

/** The part of the time for a stop that is reserved for the steps after the handlers: the smaller of the two. */
const reserveMsMost = 5_000;
const reserveShareMost = 0.42;
/**
 * The share of the reserve that remains at the deadline of each step. Aborted handlers get most of the reserve: by
 * default slightly more than the two seconds between SIGTERM and SIGKILL of a child process.
 */
const left = {
  handlers: 0.28,
  tasks: 0.24,
  processors: 0.18,
  worker: 0.1,
  publications: 0.05,
  connections: 0.02,
};

/**
 * A clean stop, within `shutdownMs` even if no dependency responds. Each step has a deadline; the sweeps of
 * requests-service or another processor do what a step leaves undone.
 *
 * 1. No more claims, and the consumer leaves its group. Running handlers may end and are reported as usual; heartbeats
 *    go on.
 * 2. Handlers that still run are aborted, without an outcome. The outcomes of the others are reported.
 * 3. Everything that the processors have started, such as child processes, is ended.
 * 4. The worker ends: its remaining runs are requeued and not counted as lost. If a child may still be working, its lease
 *    is left to expire instead, because the run must not start elsewhere before.
 * 5. Stored outcomes are published, the rest of the logs is sent, and the connections close.
 */
export async function shutDown(
  { consumer, publisher, processors, time, log }: Ports,
  shutdownMs: number,
  parts: {
    claimer: Claimer;
    runs: Runs;
    finisher: Finisher;
    heartbeat: Heartbeat;
    outcomes: OutcomePublisher;
    logs: LogSender;
    tasks: Periodic[];
  },
): Promise<void> {
  const { claimer, runs, finisher, heartbeat, outcomes, logs, tasks } = parts;
  const endsAt = time.monotonic() + shutdownMs;
  const reserveMs = Math.min(shutdownMs * reserveShareMost, reserveMsMost);
  /** Waits until `work` is done or only that share of the reserve is left. */
  const upTo = (shareLeft: number, work: Promise<unknown>): Promise<boolean> =>
    within(time, work, endsAt - reserveMs * shareLeft - time.monotonic());

  const consumed = consumer.stop();
  const claimed = claimer.close();
  if (!(await upTo(1, runs.ended()))) log.info("runs that did not end in time are requeued");
  void runs.abortAll("stopping");
  await upTo(left.handlers, Promise.all([runs.gone(), claimed]));
  finisher.close();
  const ended = processors.close();
  await upTo(left.tasks, Promise.all(tasks.map((task) => task.stop())));
  if (!(await upTo(left.processors, ended)))
    log.warn("processors did not end in time; the sweepers will requeue their runs");
  else if (!(await upTo(left.worker, heartbeat.end())))
    log.warn("could not end the worker; the sweepers will");
  await upTo(left.publications, Promise.all([outcomes.flush(), logs.send()]));
  await upTo(left.connections, Promise.all([consumed, publisher.close()]));
}

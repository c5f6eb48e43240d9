import { type Consumer, type Publisher, type RemovalsApi, removalsApi, Unavailable } from "@sate/contracts";
import {
  type Attempt,
  type Counters,
  createLifecycle,
  errorFields,
  type Log,
  periodic,
  retentionPauseMs,
} from "@sate/contracts/runtime";
import type { ResultsWriter } from "./ports.ts";
import { createRecorder, type Recorder } from "./recording/record.ts";
import { removalCommands } from "./removals/commands.ts";
import { removeOldDeadLetters } from "./removals/retention.ts";
import { commandRoutes } from "./runtime/command-routes.ts";
import { createInternalApp } from "./runtime/internal-app.ts";

export type Config = {
  serviceToken: string;
  /** How long dead letters are kept; 0 is for ever. */
  deadLettersKeptMs: number;
};

export type Ports = {
  writer: ResultsWriter;
  /** A member of the group `groups.resultsListener` on the `outcomeTopics`. */
  consumer: Consumer;
  publisher: Publisher;
  log: Log;
  counters: Counters;
  /** A loop ended unexpectedly: the process must not continue. */
  fatal: (what: string, error: unknown) => void;
};

export { removalCommands } from "./removals/commands.ts";

const databaseDown = "The Results DB does not respond.";
const brokerDown = "The broker does not respond.";
const notRecorded = "Records cannot be recorded.";
/** A consumer delivers again within a second or two what could not be recorded, and an attempt has deadlines. */
const attemptedAgainMs = 30_000;

/**
 * The only writer of the Results DB: consumes outcomes and dead letters, records them, and removes them again.
 * `commands` is its internal API as functions, `app` the same over HTTP. `start` resolves when the service is ready,
 * however long its dependencies take; `stop` is safe at any time, and twice. `notReadyReasons` says why it is not ready.
 */
export function createResultsListener(ports: Ports, { serviceToken, deadLettersKeptMs }: Config) {
  const { writer, consumer, publisher, log, counters, fatal } = ports;
  const recorder = createRecorder({ writer, publisher, counters, log, deadLettersKeptMs });
  const { attempt, stopping, notReadyReasons, start, stop } = createLifecycle({
    log,
    dependencies: [
      { name: "writer", probe: writer.ping, reason: databaseDown },
      { name: "publisher", probe: publisher.ping, reason: brokerDown },
    ],
    async onStart(connect: Attempt<void>) {
      await connect("writer", writer.open, databaseDown);
      if (deadLettersKeptMs > 0 && !stopping.aborted) retention.start();
      await connect("publisher", publisher.open, brokerDown);
      await connect(
        "consumer",
        () => consumer.start(handle),
        (error) => (error as Unavailable).message,
      );
    },
    // Records that were delivered and not recorded are delivered again after the next start.
    async onStop() {
      await Promise.all([consumer.stop(), retention.stop()]);
      await Promise.all([publisher.close(), writer.close()]);
    },
    async reasons() {
      // A rebalance has given the records to another member, and there may be no others for a long time.
      if (performance.now() - failedAt > attemptedAgainMs)
        await attempt("recorder", async () => {}, notRecorded);
      return [consumer.notReadyReason() ?? []].flat();
    },
  });
  const retention = periodic({
    name: "the removal of old dead letters",
    pauseMs: retentionPauseMs(deadLettersKeptMs),
    // A failure does not affect readiness: nothing waits for it, and the next one continues.
    work: () =>
      removeOldDeadLetters(ports, deadLettersKeptMs, stopping).catch((error) =>
        log.warn("old dead letters could not be removed; the next removal continues", errorFields(error)),
      ),
    fatal,
  });
  let failedAt = Number.POSITIVE_INFINITY;

  /** While records cannot be recorded the service is not ready, even if every dependency responds. */
  async function handle(records: Parameters<Recorder>[0]): Promise<void> {
    if (await attempt("recorder", () => recorder(records), notRecorded)) return;
    failedAt = performance.now();
    throw new Unavailable("The records could not be recorded.");
  }

  const commands: RemovalsApi = removalCommands(ports);
  const routes = commandRoutes(removalsApi, commands);
  const app = createInternalApp({ serviceToken, notReadyReasons, counters, log, routes });
  return { commands, app, notReadyReasons, start, stop };
}

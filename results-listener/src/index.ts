import { type Consumer, type Publisher, Unavailable } from "@sate/contracts";
import { type Attempt, type Counters, createLifecycle, type Log } from "@sate/contracts/runtime";
import type { ResultsWriter } from "./ports.ts";
import { createRecorder, type Recorder } from "./recording/record.ts";
import { createInternalApp } from "./runtime/internal-app.ts";

export type Config = {
  serviceToken: string;
};

export type Ports = {
  writer: ResultsWriter;
  /** A member of the group `groups.resultsListener` on the `outcomeTopics`. */
  consumer: Consumer;
  publisher: Publisher;
  log: Log;
  counters: Counters;
};

const databaseDown = "The Results DB does not respond.";
const brokerDown = "The broker does not respond.";
const notRecorded = "Records cannot be recorded.";
/** A consumer delivers again within a second or two what could not be recorded, and an attempt has deadlines. */
const attemptedAgainMs = 30_000;

/**
 * The only writer of the Results DB: consumes outcomes and dead letters, and records them. `start` resolves when the
 * service is ready, however long its dependencies take; `stop` is safe at any time, and twice. `notReadyReasons` says
 * why it is not ready.
 */
export function createResultsListener(ports: Ports, { serviceToken }: Config) {
  const { writer, consumer, publisher, log, counters } = ports;
  const recorder = createRecorder({ writer, publisher, counters, log });
  const { attempt, notReadyReasons, start, stop } = createLifecycle({
    log,
    dependencies: [
      { name: "writer", probe: writer.ping, reason: databaseDown },
      { name: "publisher", probe: publisher.ping, reason: brokerDown },
    ],
    async onStart(connect: Attempt<void>) {
      await connect("writer", writer.open, databaseDown);
      await connect("publisher", publisher.open, brokerDown);
      await connect(
        "consumer",
        () => consumer.start(handle),
        (error) => (error as Unavailable).message,
      );
    },
    // Records that were delivered and not recorded are delivered again after the next start.
    async onStop() {
      await consumer.stop();
      await Promise.all([publisher.close(), writer.close()]);
    },
    async reasons() {
      // A rebalance has given the records to another member, and there may be no others for a long time.
      if (performance.now() - failedAt > attemptedAgainMs)
        await attempt("recorder", async () => {}, notRecorded);
      return [consumer.notReadyReason() ?? []].flat();
    },
  });
  let failedAt = Number.POSITIVE_INFINITY;

  /** While records cannot be recorded the service is not ready, even if every dependency responds. */
  async function handle(records: Parameters<Recorder>[0]): Promise<void> {
    if (await attempt("recorder", () => recorder(records), notRecorded)) return;
    failedAt = performance.now();
    throw new Unavailable("The records could not be recorded.");
  }

  const app = createInternalApp({ serviceToken, notReadyReasons, counters, log });
  return { app, notReadyReasons, start, stop };
}

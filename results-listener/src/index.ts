import { isUnavailable, Unavailable } from "@sate/contracts";
import { type Attempt, type Counters, createLifecycle, type Log } from "@sate/contracts/runtime";
import type { Consumer, Publisher, ResultsWriter } from "./ports.ts";
import { createRecorder, type Recorder } from "./recording/record.ts";
import { createInternalApp } from "./runtime/internal-app.ts";

export type { Consumer, Publisher, ResultsWriter } from "./ports.ts";

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
      await connect("consumer", () => consumer.start(handle), whyNotJoined);
    },
    // Records that were delivered and not recorded are delivered again after the next start.
    async onStop() {
      await consumer.stop();
      await Promise.all([publisher.close(), writer.close()]);
    },
    reasons: () => [consumer.notReadyReason() ?? []].flat(),
  });

  /** While records cannot be recorded the service is not ready, even if every dependency responds. */
  async function handle(records: Parameters<Recorder>[0]): Promise<void> {
    if (await attempt("recorder", () => recorder(records), "Records cannot be recorded.")) return;
    throw new Unavailable("The records could not be recorded.");
  }

  let app: ReturnType<typeof createInternalApp> | null = null;
  return {
    notReadyReasons,
    start,
    stop,

    /** Created on first use: standalone serves no internal API. */
    get app() {
      app ??= createInternalApp({ serviceToken, notReadyReasons, counters, log });
      return app;
    },
  };
}

function whyNotJoined(error: unknown): string {
  return isUnavailable(error) ? error.message : "The consumer cannot join its group.";
}

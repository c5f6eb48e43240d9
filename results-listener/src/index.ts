import { type Consumer, type Publisher, type ResultsWriter, Unavailable } from "./ports.ts";
import { createRecorder, type Recorder } from "./recorder.ts";
import { createInternalApp } from "./runtime/internal-app.ts";
import { type Attempt, createLifecycle } from "./runtime/lifecycle.ts";
import type { Log } from "./runtime/log.ts";
import type { Counters } from "./runtime/metrics.ts";

export { type Consumer, type Publisher, type Recorded, type ResultsWriter, Unavailable } from "./ports.ts";

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

const databaseAway = "The Results DB does not answer.";
const brokerAway = "The broker does not answer.";

/**
 * The only writer of the Results DB: hears of outcomes and dead letters, and records them. `start` resolves
 * when the service is ready, however long its dependencies take; `stop` is safe at any time, and twice.
 * `notReadyReasons` says why it is not ready.
 */
export function createResultsListener(ports: Ports, { serviceToken }: Config) {
  const { writer, consumer, publisher, log, counters } = ports;
  let app: ReturnType<typeof createInternalApp> | null = null;

  const recorder = createRecorder({ writer, publisher, counters, log });
  /** As long as nothing can be recorded the service is not ready, though all that it needs may answer. */
  const handle: Recorder = async (records) => {
    const work = () => recorder(records);
    if (await attempt("recorder", work, "Outcomes cannot be recorded.")) return;
    throw new Unavailable("The records could not be recorded.");
  };
  const { attempt, notReadyReasons, start, stop } = createLifecycle({
    log,
    dependencies: [
      { name: "writer", probe: writer.ping, reason: databaseAway },
      { name: "publisher", probe: publisher.ping, reason: brokerAway },
    ],
    onStart: join,
    onStop: leave,
    reasons: () => [consumer.complaint() ?? []].flat(),
  });

  async function join(connect: Attempt<void>): Promise<void> {
    await connect("writer", writer.open, databaseAway);
    await connect("publisher", publisher.open, brokerAway);
    await connect("consumer", () => consumer.start(handle), whyNotJoined);
  }

  /** What is heard and not recorded comes again after the next start. */
  async function leave(): Promise<void> {
    await consumer.stop();
    await Promise.all([publisher.close(), writer.close()]);
  }

  return {
    notReadyReasons,
    start,
    stop,

    /** Made when it is asked for: in standalone nobody opens this door. */
    get app() {
      app ??= createInternalApp({ serviceToken, notReadyReasons, counters, log });
      return app;
    },
  };
}

function whyNotJoined(error: unknown): string {
  return error instanceof Unavailable ? error.message : "The consumer cannot join its group.";
}

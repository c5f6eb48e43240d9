import { createApp } from "./app.ts";
import type { Counters } from "./counters.ts";
import { createHealth } from "./health.ts";
import type { Log } from "./log.ts";
import { createLoop } from "./loop.ts";
import { type Consumer, type Publisher, type ResultsWriter, Unavailable } from "./ports.ts";
import { createRecorder, type Recorder } from "./recorder.ts";

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
  /** A loop ended unexpectedly: the process must not go on as if it were well. */
  fatal: (what: string, error: unknown) => void;
};

const pingMs = 2_000;

/**
 * The only writer of the Results DB: hears of outcomes and dead letters, and records them. `start` resolves
 * when the service is ready, however long its dependencies take; `stop` is safe at any time, and twice.
 * `complaints` says, a sentence each, why it is not ready.
 */
export function createResultsListener(ports: Ports, { serviceToken }: Config) {
  const { writer, consumer, publisher, log, counters, fatal } = ports;
  let state: "new" | "starting" | "running" = "new";
  let stopped: Promise<void> | null = null;
  const stopping = new AbortController();
  const health = createHealth(log);
  let app: ReturnType<typeof createApp> | null = null;

  const recorder = createRecorder({ writer, publisher, counters, log });
  /** As long as nothing can be recorded the service is not ready, though all that it needs may answer. */
  const handle: Recorder = async (records) => {
    const work = () => recorder(records);
    if (await health.turn("recorder", work, "Outcomes cannot be recorded.")) return;
    throw new Unavailable("The records could not be recorded.");
  };
  const ping = createLoop({
    name: "ping of the dependencies",
    pauseMs: pingMs,
    fatal,
    turn: () =>
      Promise.all([
        health.turn("writer", writer.ping, "The Results DB does not answer."),
        health.turn("publisher", publisher.ping, "The broker does not answer."),
      ]),
  });

  return {
    /** Made when it is asked for: in standalone nobody opens this door. */
    get app() {
      app ??= createApp({ serviceToken, complaints, counters, log });
      return app;
    },

    complaints,

    async start(): Promise<void> {
      if (state !== "new" || stopped !== null) return;
      state = "starting";
      const { signal } = stopping;
      await health.insist("writer", writer.open, "The Results DB does not answer.", signal);
      if (!signal.aborted) ping.start();
      await health.insist("publisher", publisher.open, "The broker does not answer.", signal);
      const join = () => consumer.start(handle);
      await health.insist("consumer", join, whyNotJoined, signal);
      if (!signal.aborted) state = "running";
    },

    stop(): Promise<void> {
      stopping.abort();
      stopped ??= shutDown();
      return stopped;
    },
  };

  /** What is heard and not recorded comes again after the next start. */
  async function shutDown(): Promise<void> {
    await Promise.all([consumer.stop(), ping.stop()]);
    await publisher.close();
    await writer.close();
  }

  function complaints(): string[] {
    if (stopped !== null) return ["It is stopping."];
    const all = [...health.complaints(), ping.complaint() ?? []].flat();
    if (state !== "running") return ["It is starting.", ...all];
    return [...all, consumer.complaint() ?? []].flat();
  }
}

function whyNotJoined(error: unknown): string {
  return error instanceof Unavailable ? error.message : "The consumer cannot join its group.";
}

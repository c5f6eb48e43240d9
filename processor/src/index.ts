import { isUnavailable } from "@sate/contracts";
import { type Attempt, createLifecycle, periodic } from "@sate/contracts/runtime";
import { createClaimer } from "./claims/claimer.ts";
import { addressPolicy } from "./handlers/webhook/addresses.ts";
import { webhookProcessor } from "./handlers/webhook/handler.ts";
import { withProcessor } from "./handlers/with-processor.ts";
import { createHeartbeat, heartbeatsPerLease } from "./lease/heartbeat.ts";
import { createLease } from "./lease/lease.ts";
import { createLogSender } from "./logs/sender.ts";
import { createFinisher } from "./outcomes/finish.ts";
import { createOutcomePublisher } from "./outcomes/publish.ts";
import type { Ports } from "./ports.ts";
import { createRuns } from "./runs/table.ts";
import { createInternalApp } from "./runtime/internal-app.ts";
import { shutDown } from "./shutdown.ts";
import { createWakeUpReader } from "./wake-ups/read.ts";

export { webhookProblems } from "./handlers/webhook/addresses.ts";
export { processorsOf } from "./open.ts";
export type { Handler, HandlerEnd, HandlerRun, Processor, Processors } from "./ports.ts";
export { systemTime, type Time } from "./time.ts";

export type Config = {
  serviceToken: string;
  /** The lease of a worker; the sweepers of requests-service must have the same. */
  leaseMs: number;
  /** Shown to users beside the processors of the worker. */
  workerName: string;
  /** The consumer group. Absent if no other worker reads the same records. */
  group?: string;
  /** Handlers that run at once. */
  concurrency: number;
  /** The time that `stop` may take. */
  shutdownMs: number;
  /** WEBHOOK_ALLOW: receivers of webhooks that may be called although they are not public. None if absent. */
  webhookAllow?: string;
};

/** How often the claimer looks for pauses that are over, and for a reason to poll. */
const claimTickMs = 200;
/** A frozen process must notice an expired lease within a second of waking. */
const expiryMsMost = 250;

const requestsDown = "requests-service does not respond.";
const brokerDown = "The broker does not respond.";

/**
 * The processor: reads wake-ups, claims what it has room for, runs the handlers, reports and publishes the outcomes.
 * Kafka wakes it, requests-service decides. `start` resolves when it is ready, however long its dependencies take;
 * work begins as soon as requests-service responds. `stop` is safe at any time, and twice. `notReadyReasons` says why
 * it is not ready.
 */
export function createProcessor(outside: Ports, config: Config) {
  const { leaseMs, serviceToken, webhookAllow = "" } = config;
  const webhooks = webhookProcessor({ ...outside, policy: addressPolicy(webhookAllow) });
  const ports = { ...outside, processors: withProcessor(outside.processors, webhooks) };
  const { consumer, publisher, processors, log, counters, fatal } = ports;
  let app: ReturnType<typeof createInternalApp> | null = null;

  // Each part knows those above it and none below.
  const lease = createLease(ports, leaseMs);
  const outcomes = createOutcomePublisher(ports);
  const finisher = createFinisher(ports, lease);
  const logs = createLogSender(ports);
  const runs = createRuns(ports, config, { lease, finisher, outcomes, logs });
  const claimer = createClaimer(ports, { lease, runs });
  const heartbeat = createHeartbeat(ports, config, { lease, runs, claimer });
  const readWakeUps = createWakeUpReader(ports, claimer);

  processors.onChange(() => {
    claimer.servedChanged();
    void heartbeat.announceAgain();
  });

  const lifecycle = createLifecycle({
    log,
    // Whether requests-service responds is known from the heartbeats.
    dependencies: [{ name: "publisher", probe: publisher.ping, reason: brokerDown }],
    onStart: begin,
    onStop: () =>
      shutDown(ports, config.shutdownMs, { claimer, runs, finisher, heartbeat, outcomes, logs, tasks }),
    reasons: () => [consumer.notReadyReason() ?? []].flat(),
  });
  const { attempt, stopping, notReadyReasons, start, stop } = lifecycle;

  function beat(): Promise<unknown> {
    void logs.send();
    return attempt("requests-service", heartbeat.beat, requestsDown);
  }
  const tasks = [
    { name: "heartbeat", pauseMs: leaseMs / heartbeatsPerLease, work: beat },
    {
      name: "lease check",
      pauseMs: Math.min(leaseMs / 20, expiryMsMost),
      work: async () => heartbeat.expire(),
    },
    { name: "claimer", pauseMs: claimTickMs, work: async () => claimer.claimNext() },
  ].map((task) => periodic({ ...task, fatal }));

  async function begin(connect: Attempt<void>): Promise<void> {
    // Executions are run without the broker, so the tasks go on while it is waited for.
    const registration = connect("requests-service", heartbeat.beat, requestsDown).then(() => {
      if (!stopping.aborted) for (const task of tasks) task.start();
    });
    await connect("publisher", publisher.open, brokerDown);
    await connect("consumer", () => consumer.start(readWakeUps), whyNotJoined);
    await registration;
  }

  return {
    notReadyReasons,
    start,
    stop,

    /** Created on first use: standalone never serves it. */
    get app() {
      app ??= createInternalApp({ serviceToken, notReadyReasons, counters, log });
      return app;
    },
  };
}

function whyNotJoined(error: unknown): string {
  return isUnavailable(error) ? error.message : "The consumer cannot join its group.";
}

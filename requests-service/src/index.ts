import { isUnavailable, type RequestsApi, requestsApi } from "@sate/contracts";
import {
  type Attempt,
  createLifecycle,
  errorFields,
  inTime,
  type Periodic,
  periodic,
  retentionPauseMs,
} from "@sate/contracts/runtime";
import { executionCommands } from "./executions/commands.ts";
import { createAdmissions } from "./executions/create.ts";
import { findingCommands } from "./finding/commands.ts";
import { removeOldKeys } from "./keys/retention.ts";
import { logCommands } from "./logs/commands.ts";
import { removeOldLogs } from "./logs/retention.ts";
import { type ConfirmRecorded, createConfirmRecorded } from "./outbox/confirm-recorded.ts";
import { createLookForResults } from "./outbox/confirm-results.ts";
import { createOutbox, type Outbox } from "./outbox/outbox.ts";
import { recordRefusalsCommand } from "./outbox/record-refusals.ts";
import type { Ports } from "./ports.ts";
import { processorCommands } from "./processors/commands.ts";
import { cachedProcessors } from "./processors/known.ts";
import { createWithdrawals, type Withdrawals } from "./processors/withdraw.ts";
import { createRemovals, type Kept, type RemovalSweeps } from "./removals/create.ts";
import { replayCommand } from "./replays/replay.ts";
import { cachedRequests } from "./requests/cache.ts";
import { requestCommands } from "./requests/commands.ts";
import { createStarts, type Starts } from "./requests/starts.ts";
import { runCommands } from "./runs/commands.ts";
import { createDeadlineWatch, createEndOverdue } from "./runs/overdue.ts";
import { createRequeueRuns, type RequeueRuns } from "./runs/requeue.ts";
import { commandRoutes } from "./runtime/command-routes.ts";
import { createInternalApp } from "./runtime/internal-app.ts";
import { scheduleCommands } from "./schedules/commands.ts";
import { createScheduleSweep } from "./schedules/sweep.ts";
import { createWaitingSweep } from "./waiting/sweep.ts";
import { createWebhooks, type Webhooks } from "./webhooks/webhooks.ts";
import { workerCommands } from "./workers/commands.ts";
import { createLeaseExpiry, recoverAll, sweepWorkers } from "./workers/expire.ts";

export { runRefOf } from "./executions/execution.ts";
export type { Ports, Store } from "./ports.ts";

export type Config = {
  serviceToken: string;
  /** How long a worker that sends no heartbeats keeps its executions. */
  leaseMs: number;
  /** An execution is dead-lettered after this many lost runs. */
  lostMax: number;
  /** How long a published outcome may be without its result; then it is published again. */
  confirmMs: number;
  /** How long the logs of runs are kept. */
  logsKeptMs: number;
  /** Whether the broker stores records, so that an unreadable record can be published to its topic again. */
  storesRecords: boolean;
  /** Whether no other process uses this database. Executions that are running at start were then left by a crash, and are requeued at once. */
  exclusive: boolean;
} & Kept;

/** A lease expires after this many sweeps without a heartbeat. */
const sweepsPerLease = 10;
/** A sweep publishes the outbox marks that the previous sweep has already seen. */
const outboxSweepMs = 2_000;
/** A sweep creates the executions of start marks that the previous sweep has already seen. */
const startSweepMs = 2_000;
/** The maximum delay between the instant for which an execution waits and its start or end. */
const waitingSweepMs = 500;
/** The maximum delay of a firing, apart from what creating it takes. */
const scheduleSweepMs = 1_000;
/**
 * How often the store is opened again. That reads the database's clock, from which this process's drifts by some
 * milliseconds in this time, and brings up to date what instances of an earlier version have stored meanwhile.
 */
const reopenMs = 30_000;
/** How often a sweep ends executions that were created while their processor was withdrawn: every 10 s by default. */
const withdrawalSweepsPerLease = 3;
/** How long this process may use a webhook as it was before another process changed it. */
const webhookRefreshMs = 5_000;
const keySweepMs = 60_000;
/** The deadline of each step of a stop. All three fit into the default of SHUTDOWN_SECONDS. */
const stopStepMs = 2_000;

/** Payloads of the latest requests are kept in memory, because most are read within seconds of their creation. */
const cacheCharsMax = 32 * 1024 * 1024;

const storeAway = "The Requests DB does not respond.";
/** A store that refuses to open, for example while a move fills it, says why. */
const whyNotOpen = (error: unknown) =>
  isUnavailable(error) && error.reason === "not_done" ? error.message : storeAway;
const brokerAway = "The broker does not respond.";

/**
 * The owner of the Requests DB. `commands` is its internal API as functions, `app` the same over HTTP. `start` resolves
 * when the service is ready, however long its dependencies take; `stop` is safe at any time, and twice, once nothing
 * calls the commands any more.
 */
export function createRequestsService(outside: Ports, config: Config) {
  const cached = cachedRequests(outside.store.requests, { charsMax: cacheCharsMax });
  const caching: Ports = { ...outside, store: { ...outside.store, requests: cached } };
  const webhooks = createWebhooks(caching, (body) => commands.createRequests(body));
  const ports: Ports = { ...caching, store: webhooks.store };
  const { store, publisher, log, counters } = outside;
  const outbox = createOutbox(ports);
  const requeueRuns = createRequeueRuns(ports, outbox, config.lostMax);
  const processors = cachedProcessors(store);
  const withdrawals = createWithdrawals(ports, outbox, processors);
  const admissions = createAdmissions(ports, outbox, processors);
  const starts = createStarts(ports, admissions);
  const confirmRecorded = createConfirmRecorded(ports, webhooks);
  const removals = createRemovals(ports, confirmRecorded, config);
  const commands: RequestsApi = {
    ...requestCommands(ports, starts, processors),
    ...executionCommands(ports, outbox, admissions),
    ...findingCommands(ports, outbox),
    ...workerCommands(ports, processors, requeueRuns, config.leaseMs),
    ...runCommands(ports, outbox, requeueRuns),
    ...processorCommands(ports, processors, withdrawals),
    ...logCommands(ports),
    ...webhooks.commands,
    ...scheduleCommands(ports),
    ...removals.commands,
    recordRefusals: recordRefusalsCommand(ports, outbox),
    replayDeadLetters: replayCommand(ports, admissions, processors, config),
  };
  let app: ReturnType<typeof createInternalApp> | null = null;

  const lifecycle = createLifecycle({
    log,
    dependencies: [
      { name: "store", probe: store.ping, reason: storeAway },
      { name: "publisher", probe: publisher.ping, reason: brokerAway },
    ],
    // Executions are accepted without the broker, so the sweeps start before it responds.
    onStart: (connect) =>
      Promise.all([startOnStore(connect), connect("publisher", publisher.open, brokerAway)]),
    onStop: stopAll,
  });
  const { attempt, stopping, notReadyReasons, start, stop } = lifecycle;
  const sweeps = createSweeps(ports, config, {
    ...{ commands, outbox, starts, requeueRuns, withdrawals, webhooks, attempt, stopping },
    ...{ confirmRecorded, removalSweeps: removals.sweeps },
  });

  return {
    commands,
    notReadyReasons,
    start,
    stop,

    /** Created on demand: standalone calls the commands as functions and needs no HTTP. */
    get app() {
      const { serviceToken } = config;
      const routes = commandRoutes(requestsApi, commands);
      app ??= createInternalApp({ serviceToken, notReadyReasons, counters, log, routes });
      return app;
    },
  };

  async function startOnStore(connect: Attempt<void>): Promise<void> {
    await connect("store", store.open, whyNotOpen);
    await connect("webhooks", async () => void (await webhooks.refresh()), storeAway);
    if (config.exclusive) await connect("recovery", () => recoverAll(store, requeueRuns), storeAway);
    if (!stopping.aborted) for (const sweep of sweeps) sweep.start();
  }

  /**
   * Every step has a deadline, because what it waits for may never respond. What it leaves undone is not lost: it is in
   * the database with its mark.
   */
  async function stopAll(): Promise<void> {
    const steps: [string, () => Promise<unknown>][] = [
      ["sweeps", () => Promise.all(sweeps.map((sweep) => sweep.stop()))],
      ["webhooks", webhooks.flush],
      ["outbox", () => Promise.all([outbox.flush(), starts.flush()])],
      ["connections", () => Promise.all([publisher.close(), store.close()])],
    ];
    for (const [step, work] of steps) {
      await inTime(work(), stopStepMs).catch((error) => {
        log.warn("a part did not stop in time", { part: step, ...errorFields(error) });
      });
    }
  }
}

function createSweeps(
  ports: Ports,
  { leaseMs, confirmMs, logsKeptMs }: Config,
  parts: {
    commands: Pick<RequestsApi, "createRequests">;
    outbox: Outbox;
    starts: Starts;
    requeueRuns: RequeueRuns;
    withdrawals: Withdrawals;
    webhooks: Webhooks;
    attempt: Attempt<boolean>;
    stopping: AbortSignal;
    confirmRecorded: ConfirmRecorded;
    removalSweeps: RemovalSweeps;
  },
): Periodic[] {
  const { store, random, log, counters, fatal } = ports;
  const { commands, outbox, starts, requeueRuns, withdrawals, webhooks, attempt, stopping } = parts;
  const leaseExpiry = createLeaseExpiry(sweepsPerLease);
  const deadlines = createDeadlineWatch(() => performance.now());
  const workerSweep = { leaseExpiry, deadlines, requeueRuns, endOverdue: createEndOverdue(ports, outbox) };
  const sweepWaiting = createWaitingSweep(ports, outbox);
  const sweepSchedules = createScheduleSweep(ports, commands.createRequests);
  const lookOnce = createLookForResults(ports, parts.confirmRecorded);

  async function sweepAllWorkers(): Promise<void> {
    const work = () => sweepWorkers(ports, workerSweep);
    if (!(await attempt("worker sweep", work, storeAway))) leaseExpiry.reset();
  }
  /** A failure does not affect readiness: nothing waits for a look, and the next one does what this one did not. */
  async function lookForResults(): Promise<void> {
    await lookOnce(stopping).catch((error) => {
      counters.add("confirm_looks_failed");
      log.warn("confirming results failed; the next look tries again", errorFields(error));
    });
  }
  /** A failure does not affect readiness: nothing waits for it, and the next removal takes what this one left. */
  async function removeLogs(): Promise<void> {
    await removeOldLogs(ports, logsKeptMs, stopping).catch((error) =>
      log.warn("old logs could not be removed; the next removal takes them", errorFields(error)),
    );
  }
  async function removeKeys(): Promise<void> {
    await removeOldKeys(ports, stopping).catch((error) =>
      log.warn("old idempotency keys could not be removed; the next removal takes them", errorFields(error)),
    );
  }
  return [
    { name: "sweep of the workers", pauseMs: leaseMs / sweepsPerLease, work: sweepAllWorkers },
    {
      name: "sweep of the outbox",
      pauseMs: outboxSweepMs,
      work: () => attempt("outbox sweep", outbox.sweep, "The outbox cannot be published."),
    },
    {
      name: "sweep of start marks",
      pauseMs: startSweepMs,
      work: () => attempt("start sweep", starts.sweep, storeAway),
    },
    {
      name: "sweep of waiting executions",
      pauseMs: waitingSweepMs,
      work: () => attempt("waiting sweep", () => sweepWaiting(stopping), storeAway),
    },
    {
      name: "sweep of schedules",
      pauseMs: scheduleSweepMs,
      work: () => attempt("schedule sweep", () => sweepSchedules(stopping), storeAway),
    },
    { name: "opening of the store", pauseMs: reopenMs, work: () => attempt("store", store.open, storeAway) },
    {
      name: "sweep of withdrawn processors",
      pauseMs: leaseMs / withdrawalSweepsPerLease,
      work: () => attempt("withdrawal sweep", () => withdrawals.sweep(stopping), storeAway),
    },
    {
      name: "removal of old logs",
      pauseMs: retentionPauseMs(logsKeptMs),
      work: removeLogs,
    },
    {
      name: "refresh of webhooks",
      pauseMs: webhookRefreshMs,
      work: () => attempt("webhooks", async () => void (await webhooks.refresh()), storeAway),
    },
    ...parts.removalSweeps.map(({ work, ...sweep }) => ({ ...sweep, work: () => work(stopping) })),
    { name: "removal of old idempotency keys", pauseMs: keySweepMs, work: removeKeys },
    // Each process at its own pace, so that they do not all look at the same moment.
    { name: "look for results", pauseMs: confirmMs * (0.75 + random() / 2), work: lookForResults },
  ].map((task) => periodic({ ...task, fatal }));
}

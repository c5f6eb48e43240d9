import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { groups, outcomeTopics, topics } from "@sate/contracts";
import * as gatewayService from "@sate/gateway";
import * as processorService from "@sate/processor";
import * as requestsService from "@sate/requests-service";
import { sqliteStore } from "@sate/requests-service/sqlite";
import * as resultsListener from "@sate/results-listener";
import { sqliteResultsWriter } from "@sate/results-listener/sqlite";
import * as resultsService from "@sate/results-service";
import { sqliteResultsReader } from "@sate/results-service/sqlite";
import { sqliteConsumer } from "./adapters/consumer-sqlite.ts";
import { direct } from "./adapters/direct.ts";
import { closeSqliteFile, openSqliteFile, type SqliteFile } from "./adapters/group-commit.ts";
import { sqlitePublisher } from "./adapters/publisher-sqlite.ts";
import type { Counters } from "./counters.ts";
import type { Log } from "./log.ts";
import { type LogFile, openLogFile } from "./log-file.ts";

export type Config = {
  dataDir: string;
  maxFailures: number;
  lostMax: number;
  leaseMs: number;
  confirmMs: number;
  concurrency: number;
  executionMs: number;
  bodyBytesMax: number;
  /** Whose keys let in whom; without any, whoever reaches the door may do everything. */
  apiKeys?: readonly gatewayService.ApiKey[];
  shutdownMs: number;
};

export type Ports = {
  handlers: processorService.Handlers;
  log: Log;
  counters: Counters;
  fatal: (what: string, error: unknown) => void;
};

/**
 * The five services in one process: the same services as in the distributed system, on one SQLite file in
 * `dataDir`, which must be locked. They call each other as functions. What ran when the last process ended
 * is put back at the start.
 */
export function createStandalone(ports: Ports, config: Config) {
  mkdirSync(config.dataDir, { recursive: true });
  const { counters } = ports;
  // One file, so that the writes of all services share their commits: an fsync serves whatever is under way.
  const file = openSqliteFile(join(config.dataDir, "sate.db"), () => counters.add("sqlite_commits"));
  const topicLog = openLogFile({ file, clock: Date.now });
  const { gateway, inOrder } = createServices({ ...ports, file, topicLog }, config);

  return {
    app: gateway.app,
    complaints: () => inOrder.flatMap((service) => service.complaints()),
    /** Resolves when all are ready; each needs those before it. */
    async start(): Promise<void> {
      for (const service of inOrder) await service.start();
    },
    /** Safe at any time, and twice: what may still be asked of a service ends before it. */
    async stop(): Promise<void> {
      for (const service of inOrder.toReversed()) await service.stop();
      topicLog.close();
      closeSqliteFile(file);
    },
  };
}

function createServices(parts: Ports & { file: SqliteFile; topicLog: LogFile }, config: Config) {
  const { handlers, file, topicLog, ...rest } = parts;
  const { log } = parts;
  const newId = () => Bun.randomUUIDv7();
  const shared = { ...rest, clock: Date.now, newId };
  // The services' own doors are never opened here, so nobody needs to know their token.
  const serviceToken = newId();
  const { leaseMs, lostMax, confirmMs, concurrency, executionMs, maxFailures, bodyBytesMax } = config;

  const results = resultsService.createResultsService(
    { ...shared, reader: sqliteResultsReader({ file }) },
    { serviceToken },
  );
  const requests = requestsService.createRequestsService(
    {
      ...shared,
      store: sqliteStore({ file }),
      publisher: sqlitePublisher(topicLog, requestsService.Unavailable),
      results: direct(results.commands, requestsService.Unavailable),
    },
    { serviceToken, leaseMs, lostMax, confirmMs, exclusive: true },
  );
  const listener = resultsListener.createResultsListener(
    {
      ...shared,
      writer: sqliteResultsWriter({ file }),
      publisher: sqlitePublisher(topicLog, resultsListener.Unavailable),
      consumer: sqliteConsumer(topicLog, { groupId: groups.resultsListener, topics: outcomeTopics, log }),
    },
    { serviceToken },
  );
  const processor = processorService.createProcessor(
    {
      ...shared,
      requests: direct(requests.commands, processorService.Unavailable),
      publisher: sqlitePublisher(topicLog, processorService.Unavailable),
      consumer: sqliteConsumer(topicLog, { groupId: groups.processor, topics: [topics.executions], log }),
      handlers,
      time: processorService.systemTime,
      random: Math.random,
    },
    { serviceToken, leaseMs, concurrency, executionMs, shutdownMs: config.shutdownMs * shareOfStop },
  );
  const gateway = gatewayService.createGateway(
    {
      ...shared,
      requests: direct(requests.commands, gatewayService.Unavailable),
      results: direct(results.commands, gatewayService.Unavailable),
      monotonic: () => performance.now(),
    },
    { maxFailures, bodyBytesMax, apiKeys: config.apiKeys ?? [] },
  );
  return { gateway, inOrder: [requests, listener, results, processor, gateway] };
}

/** Of the time for a stop the handlers get the most; the others need the rest. */
const shareOfStop = 0.7;

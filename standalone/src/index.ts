import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { groups, outcomeTopics, topics } from "@sate/contracts";
import { createGateway } from "@sate/gateway";
import { createProcessor, type Handlers, systemTime } from "@sate/processor";
import { createRequestsService } from "@sate/requests-service";
import { sqliteStore } from "@sate/requests-service/sqlite";
import { createResultsListener } from "@sate/results-listener";
import { sqliteResultsWriter } from "@sate/results-listener/sqlite";
import { createResultsService } from "@sate/results-service";
import { sqliteResultsReader } from "@sate/results-service/sqlite";
import { sqliteConsumer } from "./adapters/consumer-sqlite.ts";
import { closeSqliteFile, openSqliteFile } from "./adapters/group-commit.ts";
import { sqlitePublisher } from "./adapters/publisher-sqlite.ts";
import type { Counters } from "./counters.ts";
import type { Log } from "./log.ts";
import { openLogFile } from "./log-file.ts";

export type Config = {
  dataDir: string;
  maxFailures: number;
  lostMax: number;
  leaseMs: number;
  concurrency: number;
  executionMs: number;
  bodyBytesMax: number;
  shutdownMs: number;
};

export type Ports = {
  handlers: Handlers;
  log: Log;
  counters: Counters;
  fatal: (what: string, error: unknown) => void;
};

/**
 * The five services in one process: the same services as in the distributed system, on one SQLite file in
 * `dataDir`, which must be locked. They call each other as functions. What ran when the last process ended
 * is put back at the start.
 */
export function createStandalone({ handlers, log, counters, fatal }: Ports, config: Config) {
  const { dataDir, leaseMs, shutdownMs } = config;
  mkdirSync(dataDir, { recursive: true });
  const clock = Date.now;
  const newId = () => Bun.randomUUIDv7();
  const shared = { log, counters, fatal, clock, newId };
  // The services' own doors are never opened here, so nobody can know their token.
  const serviceToken = newId();
  // One file, so that the writes of all services share their commits: an fsync serves whatever is under way.
  const file = openSqliteFile(join(dataDir, "sate.db"), () => counters.add("sqlite_commits"));
  const topicLog = openLogFile({ file, clock });

  const requests = createRequestsService(
    {
      ...shared,
      store: sqliteStore({ file }),
      publisher: sqlitePublisher(topicLog),
    },
    { serviceToken, leaseMs, lostMax: config.lostMax, exclusive: true },
  );
  const listener = createResultsListener(
    {
      ...shared,
      writer: sqliteResultsWriter({ file }),
      publisher: sqlitePublisher(topicLog),
      consumer: sqliteConsumer(topicLog, { groupId: groups.resultsListener, topics: outcomeTopics, log }),
    },
    { serviceToken },
  );
  const reader = createResultsService({ ...shared, reader: sqliteResultsReader({ file }) }, { serviceToken });
  const processor = createProcessor(
    {
      ...shared,
      requests: requests.commands,
      publisher: sqlitePublisher(topicLog),
      consumer: sqliteConsumer(topicLog, { groupId: groups.processor, topics: [topics.executions], log }),
      handlers,
      time: systemTime,
      random: Math.random,
    },
    {
      serviceToken,
      leaseMs,
      concurrency: config.concurrency,
      executionMs: config.executionMs,
      // The others want the rest of the time.
      shutdownMs: shutdownMs * 0.7,
    },
  );
  const gateway = createGateway(
    {
      ...shared,
      requests: requests.commands,
      results: reader.commands,
      publisher: sqlitePublisher(topicLog),
    },
    { maxFailures: config.maxFailures, bodyBytesMax: config.bodyBytesMax },
  );
  const inOrder = [requests, listener, reader, processor, gateway];

  return {
    app: gateway.app,
    complaints: () => inOrder.flatMap((service) => service.complaints()),
    /** Resolves when all are ready; each needs those before it. */
    async start(): Promise<void> {
      for (const service of inOrder) await service.start();
    },
    /** Safe at any time, and twice: what may still be asked of a service ends before it. */
    async stop(): Promise<void> {
      for (const service of [...inOrder].reverse()) await service.stop();
      topicLog.close();
      closeSqliteFile(file);
    },
  };
}

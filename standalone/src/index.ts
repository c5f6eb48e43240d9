import { groups, outcomeTopics, topics } from "@sate/contracts";
import type { Counters, Log } from "@sate/contracts/runtime";
import * as gatewayService from "@sate/gateway";
import * as processorService from "@sate/processor";
import * as requestsService from "@sate/requests-service";
import { sqliteStore } from "@sate/requests-service/sqlite";
import * as resultsListener from "@sate/results-listener";
import { sqliteResultsWriter } from "@sate/results-listener/sqlite";
import * as resultsService from "@sate/results-service";
import { sqliteResultsReader } from "@sate/results-service/sqlite";
import { createBroker } from "./broker/broker.ts";
import type { SqliteFile } from "./sqlite/file.ts";

export type Config = {
  maxFailures: number;
  lostMax: number;
  leaseMs: number;
  confirmMs: number;
  concurrency: number;
  executionMs: number;
  bodyBytesMax: number;
  /** Who may use the API, and under which host names, as in the gateway. */
  access?: Pick<gatewayService.Config, "apiKeys" | "allowedHosts" | "publicUrl" | "idleTimeoutSeconds">;
  shutdownMs: number;
};

export type Ports = {
  /** Closed by `stop`. */
  file: SqliteFile;
  handlers: processorService.Handlers;
  log: Log;
  counters: Counters;
  fatal: (what: string, error: unknown) => void;
};

/**
 * The five services in one process: those of the distributed system, on one SQLite file. They call each other's
 * commands as functions, which pass objects, and deliver records in memory. Executions that ran when the last process
 * ended are requeued at the start.
 */
export function createStandalone(ports: Ports, config: Config) {
  const { file } = ports;
  const { gateway, others } = createServices(ports, config);
  const inOrder = [...others, gateway];

  return {
    app: gateway.app,
    notReadyReasons: gateway.notReadyReasons,
    /** Resolves when all services are ready; each needs those before it. */
    async start(): Promise<void> {
      for (const service of inOrder) await service.start();
    },
    /** Safe at any time, and twice. Callers of a service are stopped before it. */
    async stop(): Promise<void> {
      for (const service of inOrder.toReversed()) await service.stop();
      file.close();
    },
  };
}

function createServices(parts: Ports, config: Config) {
  const { handlers, file, ...rest } = parts;
  const { log } = parts;
  const newId = () => Bun.randomUUIDv7();
  const shared = { ...rest, clock: Date.now, newId };
  // The services do not listen here, so no caller needs their token.
  const serviceToken = newId();
  const broker = createBroker(
    { [groups.processor]: [topics.executions], [groups.resultsListener]: outcomeTopics },
    { log },
  );
  const { leaseMs, lostMax, confirmMs, concurrency, executionMs, maxFailures, bodyBytesMax } = config;

  const results = resultsService.createResultsService(
    { ...shared, reader: sqliteResultsReader(file) },
    { serviceToken },
  );
  const requests = requestsService.createRequestsService(
    {
      ...shared,
      store: sqliteStore(file),
      publisher: broker.publisher(),
      results: results.commands,
    },
    { serviceToken, leaseMs, lostMax, confirmMs, exclusive: true },
  );
  const listener = resultsListener.createResultsListener(
    {
      ...shared,
      writer: sqliteResultsWriter(file),
      publisher: broker.publisher({ within: groups.resultsListener }),
      consumer: broker.consumer(groups.resultsListener),
    },
    { serviceToken },
  );
  const processor = processorService.createProcessor(
    {
      ...shared,
      requests: requests.commands,
      publisher: broker.publisher(),
      consumer: broker.consumer(groups.processor),
      handlers,
      time: processorService.systemTime,
      random: Math.random,
    },
    { serviceToken, leaseMs, concurrency, executionMs, shutdownMs: config.shutdownMs * shareOfStop },
  );
  const others = [requests, listener, results, processor];
  const gateway = gatewayService.createGateway(
    {
      ...shared,
      requests: requests.commands,
      results: results.commands,
      monotonic: () => performance.now(),
      othersNotReady: async () => {
        const reasons = await Promise.all(others.map((service) => service.notReadyReasons()));
        return [file.notReadyReason() ?? [], ...reasons].flat();
      },
    },
    { maxFailures, bodyBytesMax, ...config.access },
  );
  return { gateway, others };
}

/** The handlers' part of the time for a stop; the other services need the rest. */
const shareOfStop = 0.7;

import { groups, outcomeTopics, topics } from "@sate/contracts";
import * as gatewayService from "@sate/gateway";
import * as processorService from "@sate/processor";
import * as requestsService from "@sate/requests-service";
import { sqliteStore } from "@sate/requests-service/sqlite";
import * as resultsListener from "@sate/results-listener";
import { sqliteResultsWriter } from "@sate/results-listener/sqlite";
import * as resultsService from "@sate/results-service";
import { sqliteResultsReader } from "@sate/results-service/sqlite";
import { createBroker } from "./broker/broker.ts";
import { drain, requeueRunning } from "./move/drain.ts";
import { createMoveSource } from "./move/source.ts";
import { recordedResults } from "./recorded-results.ts";
import type { DataFile } from "./sqlite/file.ts";

export type Config = Omit<
  gatewayService.Config & requestsService.Config & resultsListener.Config & processorService.Config,
  "serviceToken" | "exclusive" | "storesRecords"
>;

export type Ports = Pick<requestsService.Ports, "log" | "counters" | "fatal"> & {
  /** Closed by `stop`. */
  file: DataFile;
  processors: processorService.Processors;
};

/** The processor's part of the time for a stop. The other services need the rest. */
const shareOfStop = 0.7;

/**
 * The five services in one process: those of the distributed system, on one SQLite file. They call each other's
 * commands as functions, which pass objects, and deliver records in memory. Executions that were running when the last
 * process ended are requeued at the start.
 */
export function createStandalone(ports: Ports, config: Config) {
  const { file } = ports;
  const stopping = new AbortController();
  const { gateway, others } = createServices(ports, config, stopping.signal);
  const inOrder = [...others, gateway];

  return {
    app: gateway.app,
    notReadyReasons: gateway.notReadyReasons,
    endWaits: gateway.endWaits,
    /** Resolves when all services are ready; each needs those before it. On a sealed file none starts, so that nothing changes. */
    async start(): Promise<void> {
      if (file.isSealed()) return;
      for (const service of inOrder) await service.start();
    },
    /** Safe at any time, and twice. Callers of a service are stopped before it. */
    async stop(): Promise<void> {
      stopping.abort();
      for (const service of inOrder.toReversed()) await service.stop();
      file.close();
    },
  };
}

function createServices({ processors, file, ...rest }: Ports, config: Config, stopping: AbortSignal) {
  const newId = () => Bun.randomUUIDv7();
  const shared = { ...rest, clock: Date.now, newId, random: Math.random };
  // The services do not listen here, so their token is never used.
  const own = { ...config, serviceToken: newId(), exclusive: true, storesRecords: false };
  const broker = createBroker(
    { [groups.processor]: [topics.executions], [groups.resultsListener]: outcomeTopics },
    { log: rest.log },
  );

  const recorded = recordedResults(sqliteResultsWriter(file));
  const results = resultsService.createResultsService({ ...shared, reader: sqliteResultsReader(file) }, own);
  const store = sqliteStore(file);
  const requests = requestsService.createRequestsService(
    {
      ...shared,
      store,
      publisher: broker.publisher(),
      results: results.commands,
      // A removal is called when all services have started.
      resultsRemoval: { removeResults: (body) => listener.commands.removeResults(body) },
      deadLetters: results.commands,
    },
    own,
  );
  const listener = resultsListener.createResultsListener(
    {
      ...shared,
      writer: recorded.writer,
      publisher: broker.publisher({ within: groups.resultsListener }),
      consumer: broker.consumer(groups.resultsListener),
    },
    own,
  );
  const processor = processorService.createProcessor(
    {
      ...shared,
      requests: requests.commands,
      publisher: broker.publisher(),
      consumer: broker.consumer(groups.processor),
      processors,
      time: processorService.systemTime,
    },
    { ...own, shutdownMs: config.shutdownMs * shareOfStop },
  );
  const forDrain = { store, requests: requests.commands };
  const { move, closed } = createMoveSource({
    ...shared,
    ...{ file, stopping },
    async drain() {
      gateway.endWaits();
      const deadlineMs = config.shutdownMs * shareOfStop;
      await drain({ ...forDrain, stopProcessor: processor.stop, deadlineMs, stopping });
    },
    requeue: () => requeueRunning(forDrain),
    async stopServices() {
      for (const service of others.toReversed()) await service.stop();
    },
  });
  const others = [requests, listener, results, processor];
  const gateway = gatewayService.createGateway(
    {
      ...shared,
      requests: requests.commands,
      results: results.commands,
      ...{ move, closed },
      monotonic: () => performance.now(),
      onRecorded: recorded.subscribe,
      othersNotReady: async () => {
        const reasons = await Promise.all(others.map((service) => service.notReadyReasons()));
        return [file.notReadyReason() ?? [], ...reasons].flat();
      },
    },
    own,
  );
  return { gateway, others };
}

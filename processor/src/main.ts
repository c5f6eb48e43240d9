import { groups, kafkaProblems, requestsApi, topics } from "@sate/contracts";
import {
  createCounters,
  drainMs,
  exitForSettings,
  fatalExit,
  httpClient,
  kafkaConfig,
  kafkaFileProblems,
  runService,
  settingsOrExit,
} from "@sate/contracts/runtime";
import { kafkaConsumer } from "./adapters/kafka/consumer.ts";
import { kafkaPublisher } from "./adapters/kafka/publisher.ts";
import { Settings } from "./config.ts";
import { loadModules } from "./handlers/modules.ts";
import { simulation } from "./handlers/simulation.ts";
import { createProcessor } from "./index.ts";
import { systemTime as time } from "./time.ts";

const name = "processor";
const { settings, log } = settingsOrExit(name, Settings, kafkaProblems, kafkaFileProblems);
const counters = createCounters();
const fatal = fatalExit(log);
const shutdownMs = settings.SHUTDOWN_SECONDS * 1_000;
const modules = await loadModules(settings.PROCESSORS_DIR);
if (modules.kind === "wrong") exitForSettings(name, modules.problems);
const handlers = {
  default: simulation({ processingMs: settings.PROCESSING_SECONDS * 1_000, time }),
  ...modules.handlers,
};
const kafka = kafkaConfig(settings, { clientId: name, log });

const service = createProcessor(
  {
    requests: httpClient(requestsApi, {
      urls: settings.REQUESTS_SERVICE_URL,
      serviceToken: settings.SERVICE_TOKEN,
      service: "requests-service",
      counters,
    }),
    consumer: kafkaConsumer(kafka, {
      groupId: groups.processor,
      topics: [topics.executions],
      counters,
      log,
      fatal,
    }),
    publisher: kafkaPublisher(kafka, { counters, log }),
    handlers,
    time,
    newId: () => Bun.randomUUIDv7(),
    random: Math.random,
    log,
    counters,
    fatal,
  },
  {
    serviceToken: settings.SERVICE_TOKEN,
    leaseMs: settings.LEASE_SECONDS * 1_000,
    concurrency: settings.CONCURRENCY,
    executionMs: settings.EXECUTION_SECONDS * 1_000,
    shutdownMs: shutdownMs - drainMs(shutdownMs),
  },
);

await runService(service, {
  log,
  settings,
  bodyBytesMax: 64 * 1024,
});

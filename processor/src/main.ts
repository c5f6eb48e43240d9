import { hostname } from "node:os";
import { kafkaProblems, requestsApi, topics } from "@sate/contracts";
import {
  createCounters,
  drainMs,
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
import { createProcessor, webhookProblems } from "./index.ts";
import { processorsOf } from "./open.ts";
import { systemTime as time } from "./time.ts";

const name = "processor";
const { settings, log } = settingsOrExit(name, Settings, kafkaProblems, kafkaFileProblems, webhookProblems);
const counters = createCounters();
const fatal = fatalExit(log);
const shutdownMs = settings.SHUTDOWN_SECONDS * 1_000;
const { processors, problems } = await processorsOf(settings, { env: Bun.env, watch: false, log });
for (const problem of problems) log.error(problem);
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
      groupId: settings.PROCESSOR_GROUP,
      topics: [topics.executions],
      // The database knows what was queued before.
      fromBeginning: false,
      counters,
      log,
      fatal,
    }),
    publisher: kafkaPublisher(kafka, { counters, log }),
    processors,
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
    workerName: hostname().slice(0, 255),
    group: settings.PROCESSOR_GROUP,
    concurrency: settings.CONCURRENCY,
    shutdownMs: shutdownMs - drainMs(shutdownMs),
    webhookAllow: settings.WEBHOOK_ALLOW,
  },
);

await runService(service, {
  log,
  settings,
  bodyBytesMax: 64 * 1024,
});

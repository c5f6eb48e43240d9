import { kafkaProblems, limits, removalsApi, resultsApi } from "@sate/contracts";
import {
  createCounters,
  fatalExit,
  httpClient,
  kafkaConfig,
  kafkaFileProblems,
  openOrExit,
  runService,
  settingsOrExit,
} from "@sate/contracts/runtime";
import { kafkaPublisher } from "./adapters/kafka/publisher.ts";
import { createTopics } from "./adapters/kafka/topics.ts";
import { mongoStore } from "./adapters/mongo/store.ts";
import { Settings } from "./config.ts";
import { createRequestsService } from "./index.ts";

const name = "requests-service";
const dayMs = 86_400_000;
/** Only a stop and replays of dead letters wait for these calls. */
const resultsDeadlineMs = 5_000;
/** A client may wait for this call: shorter than the gateway's deadline. */
const removalDeadlineMs = 3_000;

const { settings, log } = settingsOrExit(name, Settings, kafkaProblems, kafkaFileProblems);
const counters = createCounters();
const kafka = kafkaConfig(settings, { clientId: name, log });
const publisher = kafkaPublisher(kafka, { counters, log });

const results = httpClient(resultsApi, {
  urls: settings.RESULTS_SERVICE_URL,
  serviceToken: settings.SERVICE_TOKEN,
  service: "results-service",
  counters,
  deadlineMs: resultsDeadlineMs,
});

const service = createRequestsService(
  {
    store: openOrExit(name, Settings, "REQUESTS_MONGO_URL", () =>
      mongoStore({ url: settings.REQUESTS_MONGO_URL, counters }),
    ),
    publisher: {
      ...publisher,
      async open() {
        await publisher.open();
        await createTopics(kafka, log, settings.TOPIC_RETENTION_HOURS);
      },
    },
    results,
    deadLetters: results,
    resultsRemoval: httpClient(removalsApi, {
      urls: settings.RESULTS_LISTENER_URL,
      serviceToken: settings.SERVICE_TOKEN,
      service: "results-listener",
      counters,
      deadlineMs: removalDeadlineMs,
    }),
    clock: Date.now,
    newId: () => Bun.randomUUIDv7(),
    random: Math.random,
    log,
    counters,
    fatal: fatalExit(log),
  },
  {
    serviceToken: settings.SERVICE_TOKEN,
    leaseMs: settings.LEASE_SECONDS * 1_000,
    lostMax: settings.MAX_LOST,
    confirmMs: settings.CONFIRM_SECONDS * 1_000,
    logsKeptMs: settings.LOG_DAYS * dayMs,
    executionsKeptMs: settings.EXECUTION_DAYS * dayMs,
    requestsKeptMs: settings.REQUEST_DAYS * dayMs,
    storesRecords: true,
    exclusive: false,
  },
);

await runService(service, {
  log,
  settings,
  bodyBytesMax: limits.internalBodyBytesMax,
});

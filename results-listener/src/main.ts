import { groups, kafkaProblems, limits, outcomeTopics } from "@sate/contracts";
import {
  createCounters,
  fatalExit,
  kafkaConfig,
  kafkaFileProblems,
  openOrExit,
  runService,
  settingsOrExit,
} from "@sate/contracts/runtime";
import { kafkaConsumer } from "./adapters/kafka/consumer.ts";
import { kafkaPublisher } from "./adapters/kafka/publisher.ts";
import { mongoResultsWriter } from "./adapters/mongo/writer.ts";
import { Settings } from "./config.ts";
import { createResultsListener } from "./index.ts";

const name = "results-listener";
const { settings, log } = settingsOrExit(name, Settings, kafkaProblems, kafkaFileProblems);
const counters = createCounters();
const fatal = fatalExit(log);
const kafka = kafkaConfig(settings, { clientId: name, log });

const service = createResultsListener(
  {
    writer: openOrExit(name, Settings, "RESULTS_MONGO_URL", () =>
      mongoResultsWriter({ url: settings.RESULTS_MONGO_URL, counters }),
    ),
    consumer: kafkaConsumer(kafka, {
      groupId: groups.resultsListener,
      topics: outcomeTopics,
      fromBeginning: true,
      counters,
      log,
      fatal,
    }),
    publisher: kafkaPublisher(kafka, { counters, log }),
    log,
    counters,
    fatal,
  },
  {
    serviceToken: settings.SERVICE_TOKEN,
    deadLettersKeptMs: settings.DEAD_LETTER_DAYS * 86_400_000,
  },
);

await runService(service, {
  log,
  settings,
  // The largest body is a thousand keys and as many ids.
  bodyBytesMax: limits.bodyBytesDefault,
});

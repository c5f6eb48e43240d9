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
  },
  { serviceToken: settings.SERVICE_TOKEN },
);

await runService(service, {
  log,
  settings,
  bodyBytesMax: limits.bodyBytesDefault,
});

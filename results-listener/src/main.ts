import { groups, kafkaProblems, limits, outcomeTopics } from "@sate/contracts";
import { kafkaConfig, kafkaFileProblems } from "./adapters/kafka/client.ts";
import { kafkaConsumer } from "./adapters/kafka/consumer.ts";
import { kafkaPublisher } from "./adapters/kafka/publisher.ts";
import { mongoResultsWriter } from "./adapters/mongo/writer.ts";
import { Settings } from "./config.ts";
import { createResultsListener } from "./index.ts";
import { createCounters } from "./runtime/metrics.ts";
import { exitForSettings, fatalExit, runService, settingsOrExit } from "./runtime/process.ts";

const name = "results-listener";
const { settings, log } = settingsOrExit(name, Settings, kafkaProblems, kafkaFileProblems);
const counters = createCounters();
const fatal = fatalExit(log);
const kafka = kafkaConfig(settings, { clientId: name, log });

const service = createResultsListener(
  {
    writer: writerOrExit(),
    consumer: kafkaConsumer(kafka, {
      groupId: groups.resultsListener,
      topics: outcomeTopics,
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
  host: settings.HOST,
  port: settings.PORT,
  shutdownMs: settings.SHUTDOWN_SECONDS * 1_000,
  bodyBytesMax: limits.bodyBytesDefault,
});

/** The driver parses the URL in its constructor, and its error may contain the password. */
function writerOrExit() {
  try {
    return mongoResultsWriter({ url: settings.RESULTS_MONGO_URL, counters });
  } catch {
    const { description } = Settings.properties.RESULTS_MONGO_URL;
    return exitForSettings(name, [`RESULTS_MONGO_URL must be ${description}.`]);
  }
}

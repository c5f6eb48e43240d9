import { limits } from "@sate/contracts";
import { mongoResultsReader } from "./adapters/mongo/reader.ts";
import { Settings } from "./config.ts";
import { createResultsService } from "./index.ts";
import { createCounters } from "./runtime/metrics.ts";
import { exitForSettings, runService, settingsOrExit } from "./runtime/process.ts";

const name = "results-service";
const { settings, log } = settingsOrExit(name, Settings);
const counters = createCounters();

const service = createResultsService(
  { reader: readerOrExit(), log, counters },
  { serviceToken: settings.SERVICE_TOKEN },
);

await runService(service, {
  log,
  host: settings.HOST,
  port: settings.PORT,
  shutdownMs: settings.SHUTDOWN_SECONDS * 1_000,
  // The largest body is a thousand ids.
  bodyBytesMax: limits.bodyBytesDefault,
});

/** The driver parses the URL in its constructor, and its error may contain the password. */
function readerOrExit() {
  try {
    return mongoResultsReader({ url: settings.RESULTS_MONGO_URL, counters });
  } catch {
    const { description } = Settings.properties.RESULTS_MONGO_URL;
    return exitForSettings(name, [`RESULTS_MONGO_URL must be ${description}.`]);
  }
}

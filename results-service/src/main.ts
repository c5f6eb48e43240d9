import { limits } from "@sate/contracts";
import { mongoResultsReader } from "./adapters/results-mongo.ts";
import { Settings } from "./config.ts";
import { createCounters } from "./counters.ts";
import { createResultsService } from "./index.ts";
import { createLog } from "./log.ts";
import { fatalExit, runService, settingsOrExit } from "./process.ts";

const name = "results-service";
const settings = settingsOrExit(name, Settings);
const log = createLog(name, settings.LOG_LEVEL, console.log);
const counters = createCounters();

const service = createResultsService(
  {
    reader: mongoResultsReader({ url: settings.RESULTS_MONGO_URL, counters }),
    log,
    counters,
    fatal: fatalExit(log),
  },
  { serviceToken: settings.SERVICE_TOKEN },
);

await runService(service, {
  log,
  host: settings.HOST,
  port: settings.PORT,
  shutdownMs: settings.SHUTDOWN_SECONDS * 1_000,
  // All that is asked for is a few ids.
  bodyBytesMax: limits.bodyBytesDefault,
});

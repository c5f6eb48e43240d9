import { limits } from "@sate/contracts";
import { createCounters, openOrExit, runService, settingsOrExit } from "@sate/contracts/runtime";
import { mongoResultsReader } from "./adapters/mongo/reader.ts";
import { Settings } from "./config.ts";
import { createResultsService } from "./index.ts";

const name = "results-service";
const { settings, log } = settingsOrExit(name, Settings);
const counters = createCounters();

const service = createResultsService(
  {
    reader: openOrExit(name, Settings, "RESULTS_MONGO_URL", () =>
      mongoResultsReader({ url: settings.RESULTS_MONGO_URL, counters }),
    ),
    log,
    counters,
  },
  { serviceToken: settings.SERVICE_TOKEN },
);

await runService(service, {
  log,
  settings,
  // The largest body is a thousand ids.
  bodyBytesMax: limits.bodyBytesDefault,
});

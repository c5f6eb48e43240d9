import { limits } from "@sate/contracts";
import { kafkaPublisher } from "./adapters/publisher-kafka.ts";
import { mongoStore } from "./adapters/store-mongo.ts";
import { loadConfig } from "./config.ts";
import { createCounters } from "./counters.ts";
import { createRequestsService } from "./index.ts";
import { createLog, errorFields } from "./log.ts";

const loaded = loadConfig(Bun.env);
if (loaded.kind === "wrong") {
  const log = createLog("requests-service", "info", console.error);
  for (const problem of loaded.problems) log.error(problem);
  process.exit(78); // EX_CONFIG of sysexits.h
}
const { settings } = loaded;
const log = createLog("requests-service", settings.LOG_LEVEL, console.log);
const counters = createCounters();

const service = createRequestsService(
  {
    store: mongoStore({ url: settings.REQUESTS_MONGO_URL, counters }),
    publisher: kafkaPublisher({
      brokers: settings.KAFKA_BROKERS.split(","),
      clientId: "requests-service",
      counters,
      log,
    }),
    clock: Date.now,
    newId: () => Bun.randomUUIDv7(),
    log,
    counters,
    fatal: (what, error) => {
      log.error(`${what} ended unexpectedly; the process ends with it`, errorFields(error));
      process.exit(1);
    },
  },
  {
    serviceToken: settings.SERVICE_TOKEN,
    leaseMs: settings.LEASE_SECONDS * 1_000,
    lostMax: settings.MAX_LOST,
    exclusive: false,
  },
);

let isStopping = false;
async function stop(signal: string): Promise<void> {
  if (isStopping) return;
  isStopping = true;
  log.info("stopping", { signal });
  setTimeout(() => {
    log.error("the stop took too long");
    process.exit(1);
  }, settings.SHUTDOWN_SECONDS * 1_000).unref();
  await service.stop();
  await service.app.stop();
  log.info("stopped");
  process.exit(0);
}
process.on("SIGTERM", () => void stop("SIGTERM"));
process.on("SIGINT", () => void stop("SIGINT"));
process.on("unhandledRejection", (error) => {
  log.error("unhandled rejection", errorFields(error));
  process.exit(1);
});

// The door opens first, so that /live and /ready can be asked while the dependencies are still away.
service.app.listen({
  hostname: settings.HOST,
  port: settings.PORT,
  maxRequestBodySize: limits.internalBodyBytesMax,
});
log.info("listening", { url: `http://${settings.HOST}:${service.app.server?.port}` });
await service.start();
log.info("ready");

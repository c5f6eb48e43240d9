import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { accessProblems, loadAccess } from "@sate/gateway";
import { simulation, systemTime, trialHandlers, withRunLog } from "@sate/processor";
import { Settings } from "./config.ts";
import { createCounters } from "./counters.ts";
import { createStandalone } from "./index.ts";
import { lockFolder } from "./lock.ts";
import { createLog } from "./log.ts";
import { exitForSettings, fatalExit, runService, settingsOrExit } from "./process.ts";
import { welcome } from "./welcome.ts";

const settings = settingsOrExit("standalone", Settings, accessProblems);
const access = loadAccess(settings);
if (access.kind === "wrong") exitForSettings("standalone", access.problems);
const dataDir = resolve(settings.DATA_DIR);
mkdirSync(dataDir, { recursive: true });
const lock = lockFolder(dataDir);
if (lock.kind === "taken") {
  const by = lock.pid === null ? "Another process" : `Process ${lock.pid}`;
  console.error(
    `${by} works on ${dataDir} already. Stop it, or give this one a folder of its own: DATA_DIR=…`,
  );
  process.exit(73); // EX_CANTCREAT of sysexits.h
}

const log = createLog("standalone", settings.LOG_LEVEL, console.log);
const processingMs = settings.PROCESSING_SECONDS * 1_000;
const leaseMs = settings.LEASE_SECONDS * 1_000;
const handlers = {
  default: simulation({ processingMs, time: systemTime }),
  ...(settings.TEST_HANDLERS === 1 && trialHandlers({ leaseMs, time: systemTime })),
};
const shutdownMs = settings.SHUTDOWN_SECONDS * 1_000;
const standalone = createStandalone(
  {
    handlers: settings.RUN_LOG === "" ? handlers : withRunLog(handlers, settings.RUN_LOG),
    log,
    counters: createCounters(),
    fatal: fatalExit(log),
  },
  {
    dataDir,
    maxFailures: settings.MAX_FAILURES,
    lostMax: settings.MAX_LOST,
    leaseMs,
    confirmMs: settings.CONFIRM_SECONDS * 1_000,
    concurrency: settings.CONCURRENCY,
    executionMs: settings.EXECUTION_SECONDS * 1_000,
    bodyBytesMax: settings.BODY_BYTES_MAX,
    apiKeys: access.keys,
    shutdownMs,
  },
);

await runService(standalone, {
  log,
  host: settings.HOST,
  port: settings.PORT,
  shutdownMs,
  bodyBytesMax: Number.MAX_SAFE_INTEGER, // the gateway's own limit answers with a problem
});
console.log(welcome({ host: settings.HOST, port: standalone.app.server?.port, dataDir }));
process.on("exit", lock.release);

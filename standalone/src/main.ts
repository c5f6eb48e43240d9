import { resolve } from "node:path";
import { accessProblems, loadAccess } from "@sate/gateway";
import { createCounters } from "@sate/gateway/runtime/metrics";
import { exitForSettings, fatalExit, runService, settingsOrExit } from "@sate/gateway/runtime/process";
import { loadModules, simulation, systemTime } from "@sate/processor";
import { Settings } from "./config.ts";
import { createStandalone } from "./index.ts";
import { openSqliteFile } from "./sqlite/file.ts";
import { welcome } from "./welcome.ts";

const { settings, log } = settingsOrExit("standalone", Settings, accessProblems);
const access = loadAccess(settings);
if (access.kind === "wrong") exitForSettings("standalone", access.problems);
const modules = await loadModules(settings.PROCESSORS_DIR);
if (modules.kind === "wrong") exitForSettings("standalone", modules.problems);
const dataDir = resolve(settings.DATA_DIR);
const counters = createCounters();
const opened = openSqliteFile(dataDir, () => counters.add("sqlite_commits"));
if (opened.kind === "locked") {
  const holder = opened.pid === null ? "Another process" : `Process ${opened.pid}`;
  console.error(`${holder} is using ${dataDir}: stop it, or choose another folder with DATA_DIR.`);
  process.exit(73); // EX_CANTCREAT of sysexits.h
}
if (opened.kind === "refused") {
  console.error(opened.reason);
  process.exit(78); // EX_CONFIG
}

const processingMs = settings.PROCESSING_SECONDS * 1_000;
const leaseMs = settings.LEASE_SECONDS * 1_000;
const handlers = {
  default: simulation({ processingMs, time: systemTime }),
  ...modules.handlers,
};
const shutdownMs = settings.SHUTDOWN_SECONDS * 1_000;
const standalone = createStandalone(
  {
    file: opened.file,
    handlers,
    log,
    counters,
    fatal: fatalExit(log),
  },
  {
    maxFailures: settings.MAX_FAILURES,
    lostMax: settings.MAX_LOST,
    leaseMs,
    confirmMs: settings.CONFIRM_SECONDS * 1_000,
    concurrency: settings.CONCURRENCY,
    executionMs: settings.EXECUTION_SECONDS * 1_000,
    bodyBytesMax: settings.BODY_BYTES_MAX,
    access: {
      apiKeys: access.keys,
      allowedHosts: access.allowedHosts,
      publicUrl: settings.PUBLIC_URL,
      idleTimeoutSeconds: settings.IDLE_TIMEOUT_SECONDS,
    },
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

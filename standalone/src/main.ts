import { resolve } from "node:path";
import {
  createCounters,
  exitForSettings,
  fatalExit,
  runService,
  settingsOrExit,
} from "@sate/contracts/runtime";
import { accessProblems, loadAccess, serverBodyBytesMax } from "@sate/gateway";
import { loadModules, simulation, systemTime } from "@sate/processor";
import { banner } from "./banner.ts";
import { Settings } from "./config.ts";
import { createStandalone } from "./index.ts";
import { launchers, onceAnyEnds } from "./launcher.ts";
import { openSqliteFile } from "./sqlite/file.ts";

const { settings, log } = settingsOrExit("standalone", Settings, accessProblems);
const access = loadAccess(settings);
if (access.kind === "wrong") exitForSettings("standalone", access.problems);
const modules = await loadModules(settings.PROCESSORS_DIR);
if (modules.kind === "wrong") exitForSettings("standalone", modules.problems);
const dataDir = resolve(settings.DATA_DIR);
const counters = createCounters();
const opened = openSqliteFile(dataDir, { onCommit: () => counters.add("sqlite_commits"), log });
if (opened.kind === "refused") {
  console.error(opened.reason);
  process.exit(opened.exitCode);
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
  settings,
  // npm does not pass signals on (npm/cli#6684).
  stopWhen: (stop) => onceAnyEnds(launchers(), () => stop("its launcher ended")),
  bodyBytesMax: serverBodyBytesMax,
});
while ((await standalone.notReadyReasons()).length > 0) await Bun.sleep(1_000);
console.log(
  banner({
    host: settings.HOST,
    port: standalone.app.server?.port,
    dataDir,
    hasKeys: access.keys.length > 0,
  }),
);

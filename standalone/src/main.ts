import { hostname } from "node:os";
import { resolve } from "node:path";
import { defaultProcessor } from "@sate/contracts";
import {
  createCounters,
  exitForSettings,
  fatalExit,
  runService,
  settingsOrExit,
} from "@sate/contracts/runtime";
import { accessProblems, addressOf, loadAccess, serverBodyBytesMax } from "@sate/gateway";
import { processorsOf, webhookProblems } from "@sate/processor";
import { Settings } from "./config.ts";
import { createStandalone } from "./index.ts";
import { launchers, onceAnyEnds } from "./launcher.ts";
import { unfinishedMove } from "./move/sentences.ts";
import { readMove } from "./move/state.ts";
import { openSqliteFile } from "./sqlite/file.ts";

const dayMs = 86_400_000;
/** EX_USAGE of sysexits.h. */
const exUsage = 64;
/** The names of processors that the start shows. */
const namesMax = 50;
const usage = `Sate in one process. Start it at the root of the repository:

  npx -y bun run up              serves the processors in the folder "processors"
  npx -y bun run up --watch      also serves changes in it without a restart
  npx -y bun run up --undo-move  makes data that was moved usable again, and exits

Environment variables configure it: see "Configuration" in standalone/README.md.`;
/** Nothing runs on data that is being moved. */
const noProcessors: Awaited<ReturnType<typeof processorsOf>> = {
  processors: { all: () => [], find: () => undefined, onChange() {}, async close() {} },
  problems: [],
};
const givenArguments = Bun.argv.slice(2);
const known = ["--help", "-h", "--watch", "--undo-move"];
const unknown = givenArguments.find((argument) => !known.includes(argument));
if (unknown !== undefined) {
  console.error(`Unknown argument: ${unknown}\n\n${usage}`);
  process.exit(exUsage);
}
const watch = givenArguments.includes("--watch");
const undoesMove = givenArguments.includes("--undo-move");
if (givenArguments.some((argument) => ["--help", "-h"].includes(argument))) {
  console.log(usage);
  process.exit(0);
}

const { settings, log } = settingsOrExit("standalone", Settings, accessProblems, webhookProblems);
const access = loadAccess(settings);
if (access.kind === "wrong") exitForSettings("standalone", access.problems);
const dataDir = resolve(settings.DATA_DIR);
const counters = createCounters();
const onCommit = () => counters.add("sqlite_commits");
const opened = openSqliteFile(dataDir, { onCommit, log, undoesMove });
if (opened.kind === "refused") {
  console.error(opened.reason);
  process.exit(opened.exitCode);
}

if (undoesMove) {
  opened.file.close();
  console.log(`The data in ${dataDir} can be used again: start Sate as usual.`);
  process.exit(0);
}
const isSealed = opened.file.isSealed();
const { processors, problems } = isSealed
  ? noProcessors
  : await processorsOf(settings, { env: Bun.env, watch, log });
for (const problem of problems) console.error(problem);
if (watch) processors.onChange(() => console.log(`processors       ${servedNames()}`));
const standalone = createStandalone(
  { file: opened.file, processors, log, counters, fatal: fatalExit(log) },
  {
    maxFailures: settings.MAX_FAILURES,
    lostMax: settings.MAX_LOST,
    leaseMs: settings.LEASE_SECONDS * 1_000,
    confirmMs: settings.CONFIRM_SECONDS * 1_000,
    logsKeptMs: settings.LOG_DAYS * dayMs,
    executionsKeptMs: settings.EXECUTION_DAYS * dayMs,
    requestsKeptMs: settings.REQUEST_DAYS * dayMs,
    deadLettersKeptMs: settings.DEAD_LETTER_DAYS * dayMs,
    concurrency: settings.CONCURRENCY,
    workerName: hostname().slice(0, 255),
    bodyBytesMax: settings.BODY_BYTES_MAX,
    apiKeys: access.keys,
    allowedHosts: access.allowedHosts,
    publicUrl: settings.PUBLIC_URL,
    idleTimeoutSeconds: settings.IDLE_TIMEOUT_SECONDS,
    shutdownMs: settings.SHUTDOWN_SECONDS * 1_000,
    webhookAllow: settings.WEBHOOK_ALLOW,
  },
);

const stoppable = {
  ...standalone,
  stop() {
    console.log("Stopping: executions get a moment to finish. Press Ctrl-C again to end at once.");
    return standalone.stop();
  },
};
await runService(stoppable, {
  log,
  settings,
  stopWhen: (stop) => onceAnyEnds(launchers(), () => stop("its launcher ended")),
  bodyBytesMax: serverBodyBytesMax,
});
if (isSealed) {
  const url = addressOf(settings.HOST, standalone.app.server?.port);
  console.log(unfinishedMove(url, dataDir, readMove(opened.file.db)));
} else {
  while ((await standalone.notReadyReasons()).length > 0) await Bun.sleep(1_000);
  console.log(banner(access.keys.length > 0));
}

/** The user's processors, without the simulation. */
function servedNames(): string {
  const names = processors
    .all()
    .map(({ announcement }) => announcement.name)
    .filter((name) => name !== defaultProcessor);
  if (names.length === 0) return `none yet: put files into ${resolve(settings.PROCESSORS_DIR)}`;
  const others = names.length - namesMax;
  return names.slice(0, namesMax).join(", ") + (others > 0 ? ` and ${others} more` : "");
}

/** Where it listens, and what to try. */
function banner(hasKeys: boolean): string {
  const url = addressOf(settings.HOST, standalone.app.server?.port);
  const curl = hasKeys ? "curl -s -H 'Authorization: Bearer <your API key>'" : "curl -s";
  return `
Sate is ready on ${url}
  API reference  ${url}/swagger
  data folder    ${dataDir}
  processors     ${servedNames()}${problems.length > 0 ? "\n  not served     see above" : ""}
  stop           Ctrl-C

Try it:
  ${curl} ${url}/requests -H 'content-type: application/json' -H 'prefer: wait=30' -d '{"payload": {"message": "ping"}, "execute": true}'
`;
}

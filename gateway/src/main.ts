import { requestsApi, resultsApi } from "@sate/contracts";
import {
  createCounters,
  exitForSettings,
  httpClient,
  runService,
  settingsOrExit,
} from "@sate/contracts/runtime";
import { accessProblems, loadAccess } from "./access/settings.ts";
import { Settings } from "./config.ts";
import { createGateway, serverBodyBytesMax } from "./index.ts";

const name = "gateway";
/** Together with the wait for a batch, shorter than the deadline of a response. */
const callDeadlineMs = 6_000;

const { settings, log } = settingsOrExit(name, Settings, accessProblems);
const access = loadAccess(settings);
if (access.kind === "wrong") exitForSettings(name, access.problems);
const counters = createCounters();
const client = { serviceToken: settings.SERVICE_TOKEN, counters, deadlineMs: callDeadlineMs };
const requestsService = { ...client, service: "requests-service", urls: settings.REQUESTS_SERVICE_URL };
const resultsService = { ...client, service: "results-service", urls: settings.RESULTS_SERVICE_URL };

const gateway = createGateway(
  {
    requests: httpClient(requestsApi, requestsService),
    results: httpClient(resultsApi, resultsService),
    monotonic: () => performance.now(),
    clock: Date.now,
    random: Math.random,
    newId: () => Bun.randomUUIDv7(),
    log,
    counters,
  },
  {
    maxFailures: settings.MAX_FAILURES,
    bodyBytesMax: settings.BODY_BYTES_MAX,
    apiKeys: access.keys,
    allowedHosts: access.allowedHosts,
    publicUrl: settings.PUBLIC_URL,
    idleTimeoutSeconds: settings.IDLE_TIMEOUT_SECONDS,
    serviceToken: settings.SERVICE_TOKEN,
  },
);

const shutdownMs = settings.SHUTDOWN_SECONDS * 1_000;
await runService(gateway, {
  log,
  settings,
  // It has nothing else to stop.
  drainMs: Math.max(shutdownMs - 500, 0),
  bodyBytesMax: serverBodyBytesMax,
});

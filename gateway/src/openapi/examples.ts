/** The examples of the document. The request, its execution and its result are those of the original's README. */

const payload = {
  message: "ping",
  parameterA: "valueA",
  parameterB: false,
  parameterC: ["abc", "xyz"],
  parameterD: { d1: 1, d2: 2 },
};

const request = { id: "1be8f5ad-9472-4daf-89db-ce6484449940", payload };

const execution = {
  id: "70d8d872-ee03-4bfd-bea6-18a3b8c08393",
  force_error: false,
  creation_date: "2020-11-07 16:32:18.234057",
  processing_request: request,
};

const run = {
  request_id: request.id,
  attempt: 1,
  execution_id: execution.id,
  epoch: 1,
};

const processor = {
  name: "transcode",
  kind: "remote",
  version: "7",
  input: { type: "object", required: ["url"], properties: { url: { type: "string" } } },
  timeout_seconds: 600,
  retry: { tries: 3, first_seconds: 1, max_seconds: 60 },
  announced_at: "2020-11-07 16:30:00.000000",
  workers: [
    { id: "9c1f4d5e-0c0b-8a43-9d0e-5b1c8a2f7e61", name: "gpu-1", seen_at: "2020-11-07 16:32:00.000000" },
  ],
};
const { input, timeout_seconds, retry, version } = processor;

const webhook = {
  id: "01976b1e-9c40-7000-8a51-6f2d1e4b7a90",
  url: "https://example.com/hooks/sate",
  events: ["execution.failed", "execution.dead_lettered"],
  paused: false,
  creation_date: "2020-11-07 16:30:00.000000",
};
const secret = "whsec_bm90IGEgc2VjcmV0LCBidXQgYW4gZXhhbXBsZSBvZiBvbmU=";
const schedule = { name: "nightly", cron: "30 2 * * *", time_zone: "Europe/Berlin", missed: "last" };
const storedSchedule = {
  id: "01976b1e-9d3b-7000-8e11-2f6a0c4b7d95",
  ...schedule,
  request: { payload },
  creation_date: execution.creation_date,
  paused: false,
  next_firings: ["2020-11-08 01:30:00.000000", "2020-11-09 01:30:00.000000"],
  last_firing: {
    scheduled_at: "2020-11-07 01:30:00.000000",
    request_uri: `/requests/${request.id}`,
    execution_uri: `/requests/${request.id}/executions/${execution.id}`,
    status: "succeeded",
  },
};

export const examples = {
  /** Request bodies by operation. */
  bodies: {
    createRequest: {
      original: { value: { payload } },
      executed: { value: { payload, execute: true } },
    },
    createRequests: { original: { value: { requests: [{ payload }, { payload: 1, execute: true }] } } },
    createExecution: {
      success: { value: { force_error: false } },
      failure: { value: { force_error: true } },
      limited: { value: { timeout_seconds: 60, expires_in_seconds: 3_600 } },
    },
    replayDeadLetters: {
      original: {
        value: { filter: { reason: "unexpected_error", since: "2020-11-07T00:00:00Z" }, dry_run: true },
      },
    },
    createSchedule: { original: { value: { ...schedule, request: { payload } } } },
    cancelExecutions: {
      original: { value: { filter: { status: "queued", label: "team:video", all: true }, dry_run: true } },
    },
    registerWorker: {
      original: {
        value: { name: "gpu-1", processors: [{ name: "transcode", input, timeout_seconds, retry, version }] },
      },
    },
    claimRuns: {
      original: {
        value: { claim_id: "01976b1e-7f0e-7000-8f0a-4b9b2f0a6c1d", limit: 1, wait_seconds: 10 },
      },
    },
    heartbeat: {
      original: {
        value: {
          claim_id: "01976b1e-7f0e-7000-8f0a-4b9b2f0a6c1d",
          runs: [{ ...run, progress: { fraction: 0.5 }, log: { sequence: 0, text: "frame 100 of 200\n" } }],
        },
      },
    },
    createWebhook: { failures: { value: { url: webhook.url, events: webhook.events } } },
    finishRun: {
      success: { value: { ...run, outputs: { message: "pong" }, seconds: 10.006974 } },
      failure: { value: { ...run, error: { code: "unreachable", message: "The source does not respond." } } },
    },
  },
  /** Response bodies by schema. */
  responses: {
    CreatedRequest: request,
    CreatedRequests: {
      results: [
        { id: request.id },
        { id: "01976b1e-7f0e-7000-8f0a-4b9b2f0a6c1d", execution_id: execution.id },
      ],
    },
    Execution: execution,
    DeadLetterPage: {
      dead_letters: [
        {
          id: "597d4679-1ad5-4799-88ca-dbcd28550ba6",
          time: "2020-11-07 16:54:24.501000",
          reason: "unexpected_error",
          detail: "The processor threw an error.",
          request_id: request.id,
          attempt: 1,
          execution_id: execution.id,
          processor: "transcode",
          request_uri: `/requests/${request.id}`,
          execution_uri: `/requests/${request.id}/executions/${execution.id}`,
          results_uri: `/requests/${request.id}/executions/${execution.id}/results`,
        },
      ],
    },
    ReplayedDeadLetters: { matched: 12, replayed: 12, skipped: [] },
    CancelledExecutions: { matched: 3, cancelled: 3, skipped: [] },
    PublicProcessor: processor,
    ProcessorList: { processors: [processor] },
    Schedule: storedSchedule,
    SchedulePage: { schedules: [{ ...storedSchedule, request: {} }] },
    RegisteredWorker: { worker_id: "01976b1e-8a2c-7000-9d3b-0e9a7c5f1b22", heartbeat_seconds: 10 },
    ClaimedRuns: {
      runs: [
        {
          ...run,
          processor: "transcode",
          try: 1,
          timeout_seconds: 600,
          force_error: false,
          creation_date: execution.creation_date,
          payload,
        },
      ],
    },
    Webhook: webhook,
    WebhookWithSecret: { ...webhook, secret },
    WebhookList: { webhooks: [webhook] },
    HeartbeatResponse: { cancel: [], lost: [] },
    FinishResponse: { status: "stored" },
    Results: {
      results: [
        {
          id: "597d4679-1ad5-4799-88ca-dbcd28550ba6",
          is_success: true,
          processing_start_time: "2020-11-07 16:54:14.434825",
          processing_end_time: "2020-11-07 16:54:24.441799",
          processing_total_seconds: 10.006974,
          outputs: { message: "pong" },
          execution,
        },
      ],
    },
  },
};

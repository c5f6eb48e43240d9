import type { RequestsApi, ResultsApi } from "@sate/contracts";
import type { Counters, Log } from "@sate/contracts/runtime";
import type { ApiKey } from "./access/api-keys.ts";
import type { AllowedHosts } from "./access/hosts.ts";
import type { Closure, MoveSource } from "./move/port.ts";

/** The gateway's operations of requests-service. Every operation may be repeated. Rejects with `Unavailable`. */
export type Requests = Pick<
  RequestsApi,
  | "createRequests"
  | "getRequest"
  | "listRequests"
  | "createExecutions"
  | "recordRefusals"
  | "replayDeadLetters"
  | "getExecution"
  | "listExecutions"
  | "cancelExecution"
  | "removeRequest"
  | "findExecutions"
  | "cancelMatching"
  | "listProcessors"
  | "getProcessor"
  | "withdrawProcessor"
  | "readLog"
  | "createSchedule"
  | "getSchedule"
  | "listSchedules"
  | "pauseSchedule"
  | "resumeSchedule"
  | "deleteSchedule"
  | "executionStates"
  | "followLogs"
  | "appendLogs"
  | "registerWorker"
  | "heartbeat"
  | "endWorker"
  | "claimAny"
  | "finish"
  | "retryLater"
  | "handBack"
  | "createWebhook"
  | "listWebhooks"
  | "getWebhook"
  | "pauseWebhook"
  | "resumeWebhook"
  | "rotateWebhookSecret"
  | "deleteWebhook"
  | "testWebhook"
>;

/** The gateway's operations of results-service, which knows no requests: an unknown one has no results. */
export type Results = Pick<
  ResultsApi,
  "resultsOfRequest" | "resultsOfExecution" | "resultsRecorded" | "listDeadLetters" | "getDeadLetter"
>;

/** Executions whose results were recorded just now. */
export type Recorded = readonly { execution_id: string }[];

export type Ports = {
  requests: Requests;
  results: Results;
  /** Milliseconds from a fixed instant; never goes back. */
  monotonic: () => number;
  /** The wall clock in ms since 1970, used only for the times of results. */
  clock: () => number;
  /** At least 0 and less than 1: the jitter of retries. */
  random: () => number;
  newId: () => string;
  log: Log;
  counters: Counters;
  /**
   * Calls the listener whenever results have been recorded, so that clients waiting for them get them at once. Without it, and
   * for results recorded elsewhere, the gateway polls.
   */
  onRecorded?: (listener: (recorded: Recorded) => void) => void;
  /** Why other services of the same process are not ready, a sentence each. */
  othersNotReady?: () => Promise<string[]>;
  /** Only a server that can be moved has these two: the pages of its move, and why it is closed; `null`: it is open. */
  move?: MoveSource;
  closed?: () => Closure | null;
};

export type Config = {
  /** Maximum failed executions per request. */
  maxFailures: number;
  /** Bytes of the largest accepted body. */
  bodyBytesMax: number;
  /** Without any, every client that reaches the gateway may do everything. */
  apiKeys?: readonly ApiKey[];
  /** Names that are served without keys, in addition to loopback names. */
  allowedHosts?: AllowedHosts;
  /** Scheme, host and prefix under which clients reach the API; without it links are relative to the server. */
  publicUrl?: string;
  /** How long a connection may be idle between two requests. */
  idleTimeoutSeconds?: number;
  /** With API keys, this token also shows why the gateway is not ready. */
  serviceToken?: string;
};

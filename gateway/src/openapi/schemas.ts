import {
  CancelExecutions,
  CancelledExecutions,
  ClaimedRuns,
  ClaimRuns,
  CreatedRequest,
  CreatedRequests,
  CreateExecution,
  CreateRequest,
  CreateRequests,
  CreateSchedule,
  CreateWebhook,
  DeadLetter,
  DeadLetterPage,
  Execution,
  ExecutionPage,
  ExecutionState,
  FinishResponse,
  FinishRun,
  HeartbeatResponse,
  Problem,
  ProcessorList,
  PublicProcessor,
  RegisteredWorker,
  RegisterWorker,
  ReplayDeadLetters,
  ReplayedDeadLetter,
  ReplayedDeadLetters,
  RequestPage,
  Results,
  RotateSecret,
  Schedule,
  SchedulePage,
  StoredRequest,
  Uuid,
  Webhook,
  WebhookList,
  WebhookMessage,
  WebhookTest,
  WebhookWithSecret,
  WorkerHeartbeat,
} from "@sate/contracts";
import { Type } from "@sinclair/typebox";

const open = { additionalProperties: true } as const;
const uri = (description: string) => Type.String({ description });

const Welcome = Type.Object(
  {
    name: Type.String(),
    description: Type.String(),
    requests_uri: uri("The URI of the processing requests."),
    documentation_uri: uri("The URI of the API reference."),
    openapi_uri: uri("The URI of the OpenAPI document."),
    ready_uri: uri("The URI of the readiness check."),
    try: Type.String({ description: "A command that creates and executes a processing request." }),
  },
  open,
);

const Live = Type.Object({ live: Type.Boolean() }, open);

const reasons = Type.Array(Type.String(), {
  description:
    "Why the server is not ready. If it requires API keys, only requests with one see the reasons.",
});
const Ready = Type.Object({ ready: Type.Boolean(), reasons: Type.Optional(reasons) }, open);

/** The named schemas of the document. */
export const schemas = {
  Id: Uuid,
  CreateRequest,
  CreateRequests,
  CreatedRequest,
  CreatedRequests,
  StoredRequest,
  RequestPage,
  CreateExecution,
  Execution,
  ExecutionState,
  ExecutionPage,
  CancelExecutions,
  CancelledExecutions,
  Results,
  DeadLetterPage,
  DeadLetter,
  ReplayedDeadLetter,
  ReplayDeadLetters,
  ReplayedDeadLetters,
  PublicProcessor,
  ProcessorList,
  CreateSchedule,
  Schedule,
  SchedulePage,
  RegisterWorker,
  RegisteredWorker,
  ClaimRuns,
  ClaimedRuns,
  WorkerHeartbeat,
  HeartbeatResponse,
  FinishRun,
  FinishResponse,
  CreateWebhook,
  Webhook,
  WebhookWithSecret,
  WebhookList,
  RotateSecret,
  WebhookTest,
  WebhookMessage,
  Problem,
  Welcome,
  Live,
  Ready,
};

export type SchemaName = keyof typeof schemas;

import { Type } from "@sinclair/typebox";
import { Uuid } from "../../values/ids.ts";
import { limits } from "../../values/limits.ts";
import { open } from "../../values/object.ts";
import {
  Admission,
  ExecutionRecord,
  LogChunk,
  NewExecution,
  NewRequest,
  ProcessorRecord,
  RefusedExecution,
  RequestAdmission,
  RequestRecord,
} from "./records.ts";
import { batch, tagged } from "./schema.ts";

/** What clients do, through the gateway. */
export const clientOperations = {
  /** A request with a start mark is executed, too: its execution is accepted together with the request. */
  createRequests: {
    path: "/internal/requests/create",
    body: Type.Object({ requests: batch(NewRequest) }, open),
    /** In the order of the batch. */
    response: Type.Object({ answers: Type.Array(RequestAdmission) }, open),
  },
  getRequest: {
    path: "/internal/requests/get",
    body: Type.Object({ request_id: Uuid }, open),
    response: Type.Union([
      Type.Object({ kind: Type.Literal("found"), request: RequestRecord }, open),
      tagged("unknown_request"),
      tagged("removed"),
    ]),
  },
  createExecutions: {
    path: "/internal/executions/create",
    body: Type.Object({ executions: batch(NewExecution) }, open),
    response: Type.Object({ answers: Type.Array(Admission) }, open),
  },
  /** Durable when it returns; published to the dead letter queue afterwards, once the broker accepts it. */
  recordRefusals: {
    path: "/internal/refusals/record",
    body: Type.Object({ refusals: batch(RefusedExecution) }, open),
    /** In the order of the batch. `removed`: the request was removed meanwhile. */
    response: Type.Object({ answers: Type.Array(Type.Union([tagged("recorded"), tagged("removed")])) }, open),
  },
  getExecution: {
    path: "/internal/executions/get",
    body: Type.Object({ request_id: Uuid, execution_id: Uuid }, open),
    response: Type.Union([
      Type.Object({ kind: Type.Literal("found"), execution: ExecutionRecord, request: RequestRecord }, open),
      tagged("unknown_request"),
      tagged("unknown_execution"),
      tagged("removed"),
    ]),
  },
  /** Oldest first. `after_attempt` is the last attempt of the previous page. */
  listExecutions: {
    path: "/internal/executions/list",
    body: Type.Object(
      {
        request_id: Uuid,
        limit: Type.Integer({ minimum: 1, maximum: limits.pageMax }),
        after_attempt: Type.Optional(Type.Integer({ minimum: 0 })),
      },
      open,
    ),
    response: Type.Union([
      Type.Object(
        { kind: Type.Literal("found"), executions: Type.Array(ExecutionRecord), more: Type.Boolean() },
        open,
      ),
      tagged("unknown_request"),
      tagged("removed"),
    ]),
  },
  /** A queued execution ends at once; a running one after its worker's next heartbeat. */
  cancelExecution: {
    path: "/internal/executions/cancel",
    body: Type.Object({ request_id: Uuid, execution_id: Uuid }, open),
    response: Type.Union([
      Type.Object(
        { kind: Type.Literal("cancelled"), execution: ExecutionRecord, request: RequestRecord },
        open,
      ),
      Type.Object(
        { kind: Type.Literal("cancelling"), execution: ExecutionRecord, request: RequestRecord },
        open,
      ),
      Type.Object({ kind: Type.Literal("ended"), execution: ExecutionRecord }, open),
      tagged("unknown_request"),
      tagged("unknown_execution"),
      tagged("removed"),
    ]),
  },
  /** By name. `without_inputs`: the caller needs no input schemas, so `input_json` may be left out. */
  listProcessors: {
    path: "/internal/processors/list",
    body: Type.Object({ without_inputs: Type.Optional(Type.Boolean()) }, open),
    response: Type.Object({ processors: Type.Array(ProcessorRecord) }, open),
  },
  getProcessor: {
    path: "/internal/processors/get",
    body: Type.Object({ name: Type.String() }, open),
    response: Type.Union([
      Type.Object({ kind: Type.Literal("found"), processor: ProcessorRecord }, open),
      Type.Object({ kind: Type.Literal("unknown_processor"), known: Type.Array(Type.String()) }, open),
    ]),
  },
  /**
   * Fails the executions that wait for the processor, now and until a worker announces it again. `served`: a live worker
   * serves it. The built-in simulation counts as served, because it runs the requests that name no processor.
   */
  withdrawProcessor: {
    path: "/internal/processors/withdraw",
    body: Type.Object({ name: Type.String() }, open),
    response: Type.Union([
      tagged("withdrawn"),
      Type.Object({ kind: Type.Literal("unknown_processor"), known: Type.Array(Type.String()) }, open),
      tagged("served"),
    ]),
  },
  /** Oldest first, of one run or of all, by epoch and sequence, within `limits.pageBytesMax`. */
  readLog: {
    path: "/internal/logs/read",
    body: Type.Object(
      {
        request_id: Uuid,
        execution_id: Uuid,
        epoch: Type.Optional(Type.Integer({ minimum: 1 })),
        after: Type.Optional(Type.Object({ epoch: Type.Integer(), sequence: Type.Integer() }, open)),
      },
      open,
    ),
    response: Type.Union([
      Type.Object({ kind: Type.Literal("found"), chunks: Type.Array(LogChunk), more: Type.Boolean() }, open),
      tagged("unknown_request"),
      tagged("unknown_execution"),
      tagged("removed"),
    ]),
  },
} as const;

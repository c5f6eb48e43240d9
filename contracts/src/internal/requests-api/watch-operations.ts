import { Type } from "@sinclair/typebox";
import { limits } from "../../values/limits.ts";
import { open } from "../../values/object.ts";
import { ExecutionRecord, ExecutionRef, LogChunk } from "./records.ts";
import { batch } from "./schema.ts";

/** What clients that wait for executions and stream them need, through the gateway. Each call costs one database command. */
export const watchOperations = {
  /** In the order of the call; `null`: the execution is unknown or was removed. */
  executionStates: {
    path: "/internal/executions/states",
    body: Type.Object({ refs: batch(ExecutionRef, limits.statesMax) }, open),
    response: Type.Object({ states: Type.Array(Type.Union([ExecutionRecord, Type.Null()])) }, open),
  },
  /**
   * In the order of the call, the log chunks of each execution after the given ones, or all: by epoch and sequence, within
   * `limits.followBytesMax`, but at least one unless the whole response would exceed `limits.pageBytesMax`. `more`: there
   * may be further ones. Unknown executions have no log.
   */
  followLogs: {
    path: "/internal/logs/follow",
    body: Type.Object(
      {
        executions: batch(
          Type.Composite(
            [
              ExecutionRef,
              Type.Object({
                after: Type.Optional(Type.Object({ epoch: Type.Integer(), sequence: Type.Integer() }, open)),
              }),
            ],
            open,
          ),
          limits.followMax,
        ),
      },
      open,
    ),
    response: Type.Object(
      { logs: Type.Array(Type.Object({ chunks: Type.Array(LogChunk), more: Type.Boolean() }, open)) },
      open,
    ),
  },
} as const;

import { Type } from "@sinclair/typebox";
import { ExecutionError } from "../values/execution.ts";
import { Uuid } from "../values/ids.ts";
import { open } from "../values/object.ts";
import { Timestamp } from "../values/time.ts";

/** A result where its execution is known. */
export const ResultOfExecution = Type.Object(
  {
    id: Uuid,
    is_success: Type.Boolean({ description: "Whether the execution succeeded." }),
    processing_start_time: Timestamp,
    processing_end_time: Timestamp,
    processing_total_seconds: Type.Number({ description: "The duration of the run in seconds." }),
    outputs: Type.Unknown({
      description: "What the processor returned: any JSON value. {} if the execution did not succeed.",
    }),
    error: Type.Optional(ExecutionError),
    processor: Type.Optional(Type.String({ description: "The processor that ran the execution." })),
    processor_version: Type.Optional(
      Type.String({ description: "The version of the processor that ran the last try." }),
    ),
    tries: Type.Optional(Type.Integer({ minimum: 1, description: "The number of tries." })),
  },
  { ...open, description: "The result of the execution." },
);

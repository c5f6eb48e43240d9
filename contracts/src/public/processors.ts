import { type Static, Type } from "@sinclair/typebox";
import { limits } from "../values/limits.ts";
import { open } from "../values/object.ts";
import { ProcessorName, RetryPolicy } from "../values/processor.ts";
import { Timestamp } from "../values/time.ts";

/** The bodies of processors in the public REST API. */

export const PublicProcessor = Type.Object(
  {
    name: ProcessorName,
    kind: Type.String({ description: "One of simulation, module, command, http, remote." }),
    version: Type.Optional(Type.String({ description: "The version that was announced last." })),
    input: Type.Optional(
      Type.Unknown({
        description: "JSON Schema 2020-12 of the payload. Absent if every payload is accepted.",
      }),
    ),
    timeout_seconds: Type.Number({
      description: "The maximum duration of an execution across all its tries, and the default.",
    }),
    concurrency: Type.Optional(
      Type.Integer({ description: "The maximum number of concurrent runs, per worker." }),
    ),
    max_per_minute: Type.Optional(
      Type.Integer({ description: "The maximum number of runs started per minute, per worker." }),
    ),
    memory_mib: Type.Optional(
      Type.Integer({ description: "The memory limit of each process of a run, in MiB." }),
    ),
    retry: Type.Optional(RetryPolicy),
    announced_at: Type.Optional(
      Type.String({
        ...Timestamp,
        description:
          "When the processor was last announced, in UTC. Absent for the built-in simulation, which needs no announcement.",
      }),
    ),
    workers: Type.Array(
      Type.Object(
        { id: Type.String(), name: Type.Optional(Type.String()), seen_at: Type.Optional(Timestamp) },
        open,
      ),
      {
        description: "The live workers that serve the processor. While there are none, its executions wait.",
      },
    ),
  },
  open,
);
export type PublicProcessor = Static<typeof PublicProcessor>;

export const ProcessorList = Type.Object(
  { processors: Type.Array(PublicProcessor, { maxItems: limits.processorsMax }) },
  open,
);

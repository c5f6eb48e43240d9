import { type Static, Type } from "@sinclair/typebox";
import { Uuid } from "../values/ids.ts";
import { limits } from "../values/limits.ts";
import { closed, open } from "../values/object.ts";
import { ExecutionSummary } from "./executions.ts";
import { Problem } from "./problems.ts";
import { CreateRequest, ProcessingRequest } from "./requests.ts";
import { ResultOfExecution } from "./result-of-execution.ts";

/** The bodies of the creation of requests, one or many, together with their first executions. */

export const CreatedRequest = Type.Object(
  {
    ...ProcessingRequest.properties,
    execution: Type.Optional(
      Type.Object({ ...ExecutionSummary.properties, result: Type.Optional(ResultOfExecution) }, open),
    ),
  },
  { ...open, description: "A new processing request, and its execution if that was asked for." },
);

export const CreateRequests = Type.Object(
  { requests: Type.Array(CreateRequest, { minItems: 1, maxItems: limits.batchRequestsMax }) },
  { ...closed, description: `Up to ${limits.batchRequestsMax} processing requests.` },
);
export type CreateRequests = Static<typeof CreateRequests>;

export const CreatedRequests = Type.Object(
  {
    results: Type.Array(
      Type.Object(
        {
          id: Type.Optional(Uuid),
          execution_id: Type.Optional(Uuid),
          problem: Type.Optional(Problem),
        },
        {
          ...open,
          description:
            "The id of the request, and of its execution if that was asked for; or why the request was not created.",
        },
      ),
      { description: "The result of each request, in the order of the call." },
    ),
  },
  open,
);

import { Uuid } from "@sate/contracts";
import { Type } from "@sinclair/typebox";
import type { ValueError } from "@sinclair/typebox/errors";
import { Refusal } from "./problem-response.ts";

const closed = { additionalProperties: false } as const;
const request_id = { ...Uuid, description: "Id of a processing request" };
const execution_id = { ...Uuid, description: "Id of one of its executions" };

export const RequestPath = Type.Object({ request_id }, closed);
export const ExecutionPath = Type.Object({ request_id, execution_id }, closed);

export const noSuchRequest = () =>
  new Refusal(
    "request-not-found",
    "There is no processing request with this id. POST /requests creates one.",
  );

export const noSuchExecution = () =>
  new Refusal(
    "execution-not-found",
    "This request has no execution with this id. GET /requests/{id}/executions lists those that it has.",
  );

/** A path parameter that cannot be an id of ours is the id of nothing. */
export function invalidPath({ path }: ValueError): Refusal {
  return path === "/execution_id" ? noSuchExecution() : noSuchRequest();
}

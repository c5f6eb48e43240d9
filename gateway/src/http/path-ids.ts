import { Uuid } from "@sate/contracts";
import { Type } from "@sinclair/typebox";
import type { ValueError } from "@sinclair/typebox/errors";
import { Refusal } from "./problem-response.ts";

const closed = { additionalProperties: false } as const;
const request_id = { ...Uuid, description: "The id of a processing request." };
const execution_id = { ...Uuid, description: "The id of one of its executions." };

export const RequestPath = Type.Object({ request_id }, closed);
export const ExecutionPath = Type.Object({ request_id, execution_id }, closed);

const details = {
  unknown_request: "No processing request has this id. `POST /requests` creates one.",
  unknown_execution:
    "This processing request has no execution with this id. `GET /requests/{id}/executions` lists them.",
} as const;

/** The 404 of an id that is unknown. */
export function unknownId(kind: keyof typeof details): Refusal {
  const name = kind === "unknown_request" ? "request-not-found" : "execution-not-found";
  return new Refusal(name, details[kind]);
}

/** A path parameter that cannot be an id is an unknown id. */
export function invalidPath({ path }: ValueError): Refusal {
  return unknownId(path === "/execution_id" ? "unknown_execution" : "unknown_request");
}

import { uuidPattern } from "@sate/contracts";
import { Refusal } from "./refusal.ts";

const uuid = new RegExp(uuidPattern);

export const noSuchRequest = () =>
  new Refusal("request-not-found", "There is no processing request with this id. POST /requests makes one.");

export const noSuchExecution = () =>
  new Refusal(
    "execution-not-found",
    "This request has no execution with this id. GET /requests/{id}/executions lists those that it has.",
  );

/** An id out of a path. What cannot be an id of ours is unknown, and nobody is asked. */
export function requestIdOf(text: string): string {
  if (!uuid.test(text)) throw noSuchRequest();
  return text;
}

export function executionIdOf(text: string): string {
  if (!uuid.test(text)) throw noSuchExecution();
  return text;
}

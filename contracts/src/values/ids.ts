import { type Static, Type } from "@sinclair/typebox";
import { limits } from "./limits.ts";
import { open } from "./object.ts";

/** A UUID in lower case (RFC 9562). A `pattern`, because `format: "uuid"` is unknown where Elysia is not loaded. */
export const uuidPattern = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$";

export const Uuid = Type.String({ pattern: uuidPattern, minLength: 36, maxLength: 36 });

/** W3C Trace Context, version 00. https://www.w3.org/TR/trace-context/ */
export const traceparentPattern = "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$";
export const Traceparent = Type.String({ pattern: traceparentPattern, maxLength: 55 });

/** The key of an execution, and of its result, in both databases. The attempts of a request are consecutive: 1, 2, 3, … */
export const ExecutionKey = Type.Object(
  { request_id: Uuid, attempt: Type.Integer({ minimum: 1, maximum: limits.attemptMax }) },
  open,
);
export type ExecutionKey = Static<typeof ExecutionKey>;

/**
 * The key as one string. It starts with the request id, so that both databases can be sharded by request, and
 * sorts by attempt within a request.
 */
export function executionKey(requestId: string, attempt: number): string {
  return `${requestId}:${String(attempt).padStart(6, "0")}`;
}

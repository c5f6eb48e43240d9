import { createHash } from "node:crypto";
import { type Static, Type } from "@sinclair/typebox";
import { limits } from "./limits.ts";
import { open } from "./object.ts";

/** A UUID in lower case (RFC 9562). A `pattern`, because `format: "uuid"` is unknown where Elysia is not loaded. */
export const uuidPattern = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$";

export const Uuid = Type.String({ pattern: uuidPattern, minLength: 36, maxLength: 36 });

/**
 * The id of something that is derived: shaped as a UUIDv7 of the instant `atMs` (ms since 1970), so that it sorts among
 * the ids of its time. The other bits are a hash of `parts`, so the same parts give the same id everywhere.
 */
export function derivedId(atMs: number, ...parts: string[]): string {
  // As JSON, because two lists of parts must not look alike.
  const hash = createHash("sha256").update(JSON.stringify(parts)).digest();
  const variant = ((hash.readUInt8(2) & 0x3f) | 0x80).toString(16);
  const bits = hash.toString("hex");
  return `${timeDigits(atMs)}-7${bits.slice(0, 3)}-${variant}${bits.slice(6, 8)}-${bits.slice(8, 20)}`;
}

/** Not above the id of anything created at `ms` since 1970 or later, and above every id from before: ids are UUIDv7. */
export function idFloor(ms: number): string {
  return `${timeDigits(ms)}-0000-0000-000000000000`;
}

/** A UUIDv7 has 48 bits of time. */
const msMax = 2 ** 48 - 1;

/** The beginning of a UUIDv7. https://www.rfc-editor.org/rfc/rfc9562#section-5.7 */
function timeDigits(ms: number): string {
  const digits = Math.min(Math.max(0, Math.floor(ms)), msMax)
    .toString(16)
    .padStart(12, "0");
  return `${digits.slice(0, 8)}-${digits.slice(8)}`;
}

/** A SHA-256 in hexadecimal. */
export const Sha256 = Type.String({ pattern: "^[0-9a-f]{64}$", maxLength: 64 });

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

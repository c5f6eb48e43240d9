import { limits } from "@sate/contracts";
import type { Handler, HandlerEnd, HandlerRun } from "../../ports.ts";
import { failed, notJson, outputsEnd, reportedFailure, tooLarge } from "../ends.ts";
import { secondsLeft } from "../seconds-left.ts";
import { type HttpResponse, httpPost } from "./call.ts";
import { signatureHeaders } from "./signature.ts";

export type Endpoint = {
  /** Without a user name and password. */
  url: URL;
  /** The headers that the declaration adds. */
  headers: Record<string, string>;
  /** Signs each call, if there is one. */
  signingKey: Uint8Array | null;
};

/** The headers that Sate sets itself, in lower case; so are those that begin with `sate-` or `webhook-`. */
export const ownHeaders: ReadonlySet<string> = new Set([
  "accept",
  "accept-encoding",
  "connection",
  "content-length",
  "content-type",
  "expect",
  "host",
  "idempotency-key",
  "traceparent",
  "transfer-encoding",
  "upgrade",
  "user-agent",
]);

/** Whatever an endpoint does, an aborted call ends at once. */
export const httpGraceMs = 500;

/** Statuses after which another try may succeed. https://www.rfc-editor.org/rfc/rfc9110#name-status-codes */
const retryableStatuses = new Set([408, 425, 429, 500, 502, 503, 504]);
const retryAfterMsMax = limits.timeoutSecondsMax * 1_000;

/**
 * Runs an execution as one POST of its payload to an endpoint. The body of a 2xx response is the outputs. The call ends
 * when the run is aborted, but the endpoint may continue to work. An error never contains the URL, or a response body
 * that does not report a failure.
 */
export function httpHandler(endpoint: Endpoint, now: () => number): Handler {
  return async (run) => {
    const body = Buffer.from(run.payloadJson);
    const headers = { ...endpoint.headers, ...headersOf(run) };
    if (endpoint.signingKey) {
      const signed = { id: run.executionId, atMs: now(), body };
      Object.assign(headers, signatureHeaders([endpoint.signingKey], signed));
    }
    try {
      const call = { headers, body, bytesMax: limits.outputsBytesMax, signal: run.signal };
      return endOf(await httpPost(endpoint.url, call), now);
    } catch (error) {
      run.signal.throwIfAborted();
      return failed("http_unreachable", whyUnreachable(error), true);
    }
  };
}

function headersOf(run: HandlerRun): Record<string, string> {
  return {
    accept: "application/json",
    // A compressed body would have to be limited twice.
    "accept-encoding": "identity",
    "content-type": "application/json",
    "idempotency-key": run.executionId,
    "sate-attempt": String(run.attempt),
    "sate-epoch": String(run.epoch),
    "sate-timeout": String(secondsLeft(run)),
    "sate-try": String(run.tryNumber),
    "user-agent": "Sate",
    ...(run.traceparent !== undefined && { traceparent: run.traceparent }),
  };
}

function endOf(response: HttpResponse, now: () => number): HandlerEnd {
  const { status, headers, body } = response;
  if (status < 200 || status > 299) return failureOf(response, now);
  if (status === 204) return { kind: "succeeded", outputsJson: "null" };
  if (!isJson(headers["content-type"])) {
    return notJson("The endpoint must return JSON with the Content-Type application/json, or status 204.");
  }
  if (!isPlain(headers["content-encoding"])) {
    return notJson("The endpoint returned a compressed response, which was not asked for.");
  }
  return body === null ? tooLarge("The response") : outputsEnd(body, "The response");
}

/** The body of the response may report the failure and whether it is retryable; otherwise the status decides. */
function failureOf({ status, headers, body }: HttpResponse, now: () => number): HandlerEnd {
  const reported = body && isJson(headers["content-type"]) ? reportedFailure(body) : null;
  const byStatus = failed(`http_${status}`, `The endpoint responded with status ${status}.`);
  const isRetryable = reported?.isRetryable ?? retryableStatuses.has(status);
  return {
    ...(reported ?? byStatus),
    isRetryable,
    ...(isRetryable && { retryAfterMs: retryAfterMs(headers["retry-after"], headers.date, now) }),
  };
}

/** `application/json`, or a type that ends with `+json`. */
function isJson(contentType = ""): boolean {
  return /^application\/([a-z0-9!#$&^_.-]+\+)?json\s*(;|$)/i.test(contentType);
}

function isPlain(contentEncoding = "identity"): boolean {
  return contentEncoding.toLowerCase() === "identity";
}

/**
 * `Retry-After` in ms: seconds, or a date, which is compared with the endpoint's own `Date` where there is one, so that
 * clocks need not agree. `undefined` if it is neither. https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
 */
export function retryAfterMs(
  retryAfter: string | undefined,
  date: string | undefined,
  now: () => number,
): number | undefined {
  if (retryAfter === undefined) return undefined;
  const sentAtMs = Date.parse(date ?? "") || now();
  const ms = /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1_000 : Date.parse(retryAfter) - sentAtMs;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), retryAfterMsMax);
}

/** A sentence without the address, which may be internal. */
export function whyUnreachable(error: unknown): string {
  const { code } = error as { code?: unknown };
  if (code === "ECONNREFUSED") return "The endpoint refused the connection.";
  if (code === "ENOTFOUND" || code === "EAI_AGAIN")
    return "The name of the endpoint's host cannot be resolved.";
  const known = typeof code === "string" && /^[A-Z0-9_]{1,50}$/.test(code) ? ` (${code})` : "";
  return `The endpoint cannot be reached, or the connection ended before the response did${known}.`;
}

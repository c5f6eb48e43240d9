import {
  isUnavailable,
  type Problem,
  type ProblemExtras,
  type ProblemName,
  problem,
  problemContentType,
  problems,
} from "@sate/contracts";
import { type Counters, DeadlinePassed, errorFields, type Log } from "@sate/contracts/runtime";
import { createLimitedLog } from "./limited-log.ts";

/** Thrown wherever a request is refused; `createProblemResponse` is the one place that makes it a response. */
export class Refusal extends Error {
  override name = "Refusal";
  constructor(
    readonly problemName: ProblemName,
    /** What happened and what to do next; never what the client sent. */
    readonly detail: string,
    readonly extras: ProblemExtras = {},
    readonly headers: Record<string, string> = {},
    /** For the log, if it is logged. */
    readonly logged: Record<string, string> = {},
  ) {
    super(problemName);
  }
}

/** When a client may retry after a 503. */
const retryAfterSeconds = "2";

/** Refusals that an operator should see: they may be attacks. */
const loggedProblems: Partial<Record<ProblemName, string>> = {
  unauthorized: "request refused: no valid api key",
  forbidden: "request refused: the api key does not have the required scope",
  "host-not-allowed": "request refused: host not allowed",
  "origin-not-allowed": "request refused: origin not allowed",
};

/** The request that failed, for the log. */
export type Failed = { method: string; path: string; request_id: string; client?: string | undefined };

/** A problem, as it is sent: its body has the id of the request if it is ours to find. */
type Sent = { body: Problem & { request_id?: string }; headers: Record<string, string> };

/**
 * Creates the function that makes the RFC 9457 problem of any error. A refusal states its own detail; of any other error
 * the client only learns what it can do, and the log its name, code and path.
 */
export function createProblemOf({ log, counters }: { log: Log; counters: Counters }) {
  const limitedLog = createLimitedLog(log);

  function asRefusal(error: unknown, { method, request_id }: Failed): Refusal {
    if (error instanceof Refusal) return error;
    if (isUnavailable(error) || error instanceof DeadlinePassed) {
      const reason = isUnavailable(error) ? error.reason : "no_response";
      limitedLog.warn("a dependency is unavailable", { request_id, reason, detail: error.message });
      const isRead = method === "GET" || method === "HEAD";
      const detail = isRead ? cannotRead : reason === "not_done" ? notWritten : perhapsWritten;
      return new Refusal("unavailable", detail);
    }
    log.error("a request failed unexpectedly", { request_id, ...errorFields(error) });
    return new Refusal(
      "internal",
      "An unexpected error occurred on the server. Try again later. If it persists, report the `request_id` of this response.",
    );
  }

  return (error: unknown, failed: Failed): Sent => {
    const { problemName, detail, extras, headers, logged } = asRefusal(error, failed);
    counters.add(`refused_${problemName.replaceAll("-", "_")}`);
    const message = loggedProblems[problemName];
    if (message !== undefined) limitedLog.warn(message, { ...logged, ...failed });
    const { status } = problems[problemName];
    const body: Sent["body"] = problem(problemName, detail, extras);
    if (status === 500) body.request_id = failed.request_id;
    return { body, headers: { ...(status === 503 && { "retry-after": retryAfterSeconds }), ...headers } };
  };
}

/** The same as a response. */
export function createProblemResponse(parts: { log: Log; counters: Counters }) {
  const problemOf = createProblemOf(parts);
  return (error: unknown, failed: Failed): Response => {
    const { body, headers } = problemOf(error, failed);
    return new Response(JSON.stringify(body), {
      status: body.status,
      headers: { "content-type": problemContentType, ...headers },
    });
  };
}

const cannotRead = "A part of the system is unavailable. Try again in a moment.";
const notWritten = "A part of the system is unavailable. Nothing was done. Try again in a moment.";
const perhapsWritten =
  "A part of the system could not confirm the operation, so it is not known whether it took effect. Check before you repeat it.";

/** Certain: the operation has not taken effect, and will not. */
export function overloaded(): Refusal {
  return new Refusal(
    "overloaded",
    "The server is processing too many requests. Nothing was done. Try again in a moment.",
  );
}

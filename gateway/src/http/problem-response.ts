import {
  isUnavailable,
  type Problem,
  type ProblemExtras,
  type ProblemName,
  problem,
  problemContentType,
  problems,
} from "@sate/contracts";
import { DeadlinePassed } from "../runtime/deadline.ts";
import { errorFields, type Log } from "../runtime/log.ts";
import type { Counters } from "../runtime/metrics.ts";
import type { LimitedLog } from "./limited-log.ts";

/** A request that is refused: thrown wherever that is found, made a response in one place, below. */
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

/** Seconds after which a client may try again what was refused with 503. */
const retryAfterSeconds = "2";

/** Refusals that an operator should see: somebody may be trying to get in. */
const loggedProblems: Partial<Record<ProblemName, string>> = {
  unauthorized: "a request without a valid api key was refused",
  forbidden: "an api key without the required scope was refused",
  "host-not-allowed": "a request for a host that is not allowed was refused",
  "origin-not-allowed": "a request of another site was refused",
};

export type Failed = {
  request: { method: string; path: string; request_id: string; client?: string | undefined };
  log: Log;
  /** For what clients can cause at will. */
  limitedLog: LimitedLog;
  counters: Counters;
};

/**
 * Every error as the response that a client gets: an RFC 9457 problem. Only a refusal speaks for itself; of anything
 * else the client learns no more than what it can do, and the log its name.
 */
export function problemResponse(error: unknown, failed: Failed): Response {
  const { problemName, detail, extras, headers, logged } = asRefusal(error, failed);
  failed.counters.add(`refused_${problemName.replaceAll("-", "_")}`);
  const message = loggedProblems[problemName];
  if (message !== undefined) failed.limitedLog.warn(message, { ...logged, ...failed.request });
  const { status } = problems[problemName];
  const body: Problem & { request_id?: string } = problem(problemName, detail, extras);
  if (status === 500) body.request_id = failed.request.request_id;
  return new Response(JSON.stringify(body), {
    status,
    headers: {
      "content-type": problemContentType,
      ...(status === 503 && { "retry-after": retryAfterSeconds }),
      ...headers,
    },
  });
}

function asRefusal(error: unknown, { request, log, limitedLog }: Failed): Refusal {
  if (error instanceof Refusal) return error;
  const { method, request_id } = request;
  if (isUnavailable(error) || error instanceof DeadlinePassed) {
    limitedLog.warn("a part did not answer", { request_id, said: error.message });
    if (method === "GET" || method === "HEAD") return new Refusal("unavailable", cannotRead);
    const isNotDone = isUnavailable(error) && error.reason === "not_done";
    return new Refusal("unavailable", isNotDone ? notWritten : cannotWrite);
  }
  log.error("a response failed unexpectedly", { request_id, ...errorFields(error) });
  return new Refusal(
    "internal",
    "An unexpected error on our side. Try again later; if it stays, report the request_id of this response.",
  );
}

const cannotRead = "A part of the system did not answer in time. Try again in a moment.";
const cannotWrite =
  "A part of the system did not answer in time. What you asked for was perhaps done all the same: look, or try again in a moment.";
const notWritten =
  "The database cannot store anything at the moment. What you asked for was not done; try again later.";

/** Nothing of what was asked has been done, and nothing will be. */
export function overloaded(): Refusal {
  return new Refusal("overloaded", "Too much work is under way. Nothing was done; try again in a moment.");
}

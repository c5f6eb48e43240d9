import {
  type Problem,
  type ProblemExtras,
  type ProblemName,
  problem,
  problemContentType,
  problems,
} from "@sate/contracts";
import type { Counters } from "./counters.ts";
import { DeadlinePassed } from "./in-time.ts";
import { errorFields, type Log } from "./log.ts";
import { Unavailable } from "./ports.ts";

/** A refusal at the door: thrown wherever it is found, made an answer in one place, below. */
export class Refusal extends Error {
  override name = "Refusal";
  constructor(
    readonly problemName: ProblemName,
    /** What happened and what to do next; never what the client sent. */
    readonly detail: string,
    readonly extras: ProblemExtras = {},
    readonly headers: Record<string, string> = {},
  ) {
    super(problemName);
  }
}

/** Seconds after which a client may try again what was refused with 503. */
const retryAfterSeconds = "2";

/**
 * Every trouble as the answer that a client gets: an RFC 9457 problem. Only a refusal speaks for itself; of
 * anything else the client learns no more than what it can do, and the log its name.
 */
export function refusalAnswer(
  error: unknown,
  parts: { method: string; requestId: string; log: Log; counters: Counters },
): Response {
  const refusal = asRefusal(error, parts);
  const { problemName, detail, extras, headers } = refusal;
  parts.counters.add(`refused_${problemName.replaceAll("-", "_")}`);
  const { status } = problems[problemName];
  const body: Problem & { request_id?: string } = problem(problemName, detail, extras);
  if (status === 500) body.request_id = parts.requestId;
  return new Response(JSON.stringify(body), {
    status,
    headers: {
      "content-type": problemContentType,
      ...(status === 503 && { "retry-after": retryAfterSeconds }),
      ...headers,
    },
  });
}

function asRefusal(
  error: unknown,
  { method, requestId, log }: { method: string; requestId: string; log: Log },
): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof Unavailable || error instanceof DeadlinePassed) {
    log.warn("a part did not answer", { request_id: requestId, said: error.message });
    return new Refusal("unavailable", method === "GET" || method === "HEAD" ? cannotRead : cannotWrite);
  }
  log.error("an answer failed unexpectedly", { request_id: requestId, ...errorFields(error) });
  return new Refusal(
    "internal",
    "An unexpected error on our side. Try again later; if it stays, report the request_id of this answer.",
  );
}

const cannotRead = "A part of the system did not answer in time. Try again in a moment.";
const cannotWrite =
  "A part of the system did not answer in time. What you asked for was perhaps done all the same: look, or try again in a moment.";

/** Nothing of what was asked has been done, and nothing will be. */
export function overloaded(): Refusal {
  return new Refusal("overloaded", "Too much work is under way. Nothing was done; try again in a moment.");
}

import { timingSafeEqual } from "node:crypto";
import { isUnavailable, type ProblemName, problem, problemContentType, problems } from "@sate/contracts";
import { type Counters, errorFields, type Log, metricsResponse } from "@sate/contracts/runtime";
import { type AnyElysia, Elysia } from "elysia";

class Unauthorized extends Error {}

/**
 * The HTTP API of a service that only other services call: its health, its counters, and `routes`. Orchestrators
 * may call /live and /ready without the token; the reasons of /ready require it.
 */
export function createInternalApp(parts: {
  serviceToken: string;
  notReadyReasons: () => Promise<string[]>;
  counters: Counters;
  log: Log;
  routes?: AnyElysia;
}) {
  const { serviceToken, notReadyReasons, counters, log, routes = new Elysia() } = parts;
  const wanted = Buffer.from(`Bearer ${serviceToken}`);
  const hasToken = ({ headers }: Request) => {
    const given = Buffer.from(headers.get("authorization") ?? "");
    return given.length === wanted.length && timingSafeEqual(given, wanted);
  };
  const requireToken = ({ request }: { request: Request }) => {
    if (!hasToken(request)) throw new Unauthorized();
  };
  // Names of hosts may be shorter than the four characters that Elysia counts on.
  return (
    new Elysia({ normalize: false, handler: { standardHostname: false } })
      .onError({ as: "global" }, ({ code, error, request }) => {
        // Elysia wraps what a hook throws before the body is parsed in a parse error.
        const isStranger = error instanceof Unauthorized || (error as Error)?.cause instanceof Unauthorized;
        if (isStranger || (code === "NOT_FOUND" && !hasToken(request))) {
          return refusal("unauthorized", "Send the service token: Authorization: Bearer <SERVICE_TOKEN>.");
        }
        if (code === "NOT_FOUND") return refusal("not-found", "There is no such route.");
        if (code === "PARSE") return refusal("malformed-json", "The body must be JSON.");
        if (code === "VALIDATION") {
          return refusal("invalid-body", "The body does not match the contract.");
        }
        if (isUnavailable(error)) {
          log.warn("a command failed: a dependency is unavailable", errorFields(error));
          return refusal("unavailable", error.message);
        }
        log.error("a route failed unexpectedly", errorFields(error));
        return refusal("internal", "An unexpected error. The log of the service has its name and code.");
      })
      .get("/live", () => ({ live: true }))
      .get("/ready", async ({ request, status }) => {
        const reasons = await notReadyReasons();
        const ready = reasons.length === 0;
        return status(ready ? 200 : 503, hasToken(request) ? { ready, reasons } : { ready });
      })
      // Routes below require the token. The first hook runs before a body is read, but only for requests that may have one.
      .onParse(requireToken)
      .onBeforeHandle(requireToken)
      .get("/metrics", () => metricsResponse(counters))
      .use(routes)
  );
}

function refusal(name: ProblemName, detail: string): Response {
  const { status } = problems[name];
  const headers = { "content-type": problemContentType, ...(status === 503 && { "retry-after": "1" }) };
  return new Response(JSON.stringify(problem(name, detail)), { status, headers });
}

import { timingSafeEqual } from "node:crypto";
import { type ProblemName, problem, problemContentType, problems } from "@sate/contracts";
import { type AnyElysia, Elysia } from "elysia";
import { healthRoutes } from "./health-routes.ts";
import { errorFields, type Log } from "./log.ts";
import { type Counters, metricsResponse } from "./metrics.ts";

class Unauthorized extends Error {}

/** The HTTP face of a service that only other services ask: its health, and `routes`. It never listens. */
export function createInternalApp(parts: {
  serviceToken: string;
  notReadyReasons: () => Promise<string[]>;
  counters: Counters;
  log: Log;
  routes?: AnyElysia;
}) {
  const { serviceToken, notReadyReasons, counters, log, routes = new Elysia() } = parts;
  const hasToken = ({ headers }: Request) => isSame(headers.get("authorization"), `Bearer ${serviceToken}`);
  const wantsToken = ({ request }: { request: Request }) => {
    if (!hasToken(request)) throw new Unauthorized();
  };
  // Names of hosts may be shorter than the four characters that Elysia counts on.
  return (
    new Elysia({ normalize: false, handler: { standardHostname: false } })
      .onError({ as: "global" }, ({ code, error, request }) => {
        // What a hook throws before the body is parsed is the cause of a parse error.
        const isStranger = error instanceof Unauthorized || (error as Error)?.cause instanceof Unauthorized;
        if (isStranger || (code === "NOT_FOUND" && !hasToken(request))) {
          return refusal("unauthorized", "Send the service token: Authorization: Bearer <SERVICE_TOKEN>.");
        }
        if (code === "NOT_FOUND") return refusal("not-found", "There is no such route.");
        if (code === "PARSE") return refusal("malformed-json", "The body must be JSON.");
        if (code === "VALIDATION") {
          return refusal("invalid-body", "The body does not have the shape of the contract.");
        }
        if (error instanceof Error && error.name === "Unavailable") {
          log.warn("a command could not be carried out", errorFields(error));
          return refusal("unavailable", error.message);
        }
        log.error("a route failed unexpectedly", errorFields(error));
        return refusal("internal", "An unexpected error; the log of the service says more.");
      })
      .use(healthRoutes({ notReadyReasons, mayKnow: hasToken }))
      // Routes below want the token; the first hook runs before a body is read, and only where there may be one.
      .onParse(wantsToken)
      .onBeforeHandle(wantsToken)
      .get("/metrics", () => metricsResponse(counters))
      .use(routes)
  );
}

function refusal(name: ProblemName, detail: string): Response {
  const { status } = problems[name];
  const headers = { "content-type": problemContentType, ...(status === 503 && { "retry-after": "1" }) };
  return new Response(JSON.stringify(problem(name, detail)), { status, headers });
}

function isSame(given: string | null, wanted: string): boolean {
  const [a, b] = [Buffer.from(given ?? ""), Buffer.from(wanted)];
  return a.length === b.length && timingSafeEqual(a, b);
}

import { timingSafeEqual } from "node:crypto";
import { type ProblemName, problem, problemContentType, problems } from "@sate/contracts";
import { Elysia } from "elysia";
import type { Counters } from "./counters.ts";
import { errorFields, type Log } from "./log.ts";
import { isOpenAddress } from "./open-address.ts";
import { healthRoutes } from "./routes/health.ts";

export type AppParts = {
  serviceToken: string;
  /** What is not well, a sentence each; the service is ready when there is nothing. */
  complaints: () => string[];
  counters: Counters;
  log: Log;
};

/** The HTTP face: how the service is, and nothing else. It never listens; main.ts does. */
export function createApp({ serviceToken, complaints, counters, log }: AppParts) {
  return new Elysia({ normalize: false })
    .onError({ as: "global" }, ({ code, error }) => {
      if (code === "NOT_FOUND") return refusal("not-found", "There is no such route.");
      if (code === "PARSE") return refusal("malformed-json", "The body must be JSON.");
      log.error("a route failed unexpectedly", errorFields(error));
      return refusal("internal", "An unexpected error; the log of the service says more.");
    })
    .onRequest(({ request }) => {
      if (isOpenAddress(request.url)) return;
      if (isAuthorized(request.headers.get("authorization"), serviceToken)) return;
      return refusal("unauthorized", "Send the service token: Authorization: Bearer <SERVICE_TOKEN>.");
    })
    .use(healthRoutes({ complaints, counters }));
}

function refusal(name: ProblemName, detail: string): Response {
  return new Response(JSON.stringify(problem(name, detail)), {
    status: problems[name].status,
    headers: { "content-type": problemContentType },
  });
}

function isAuthorized(header: string | null, token: string): boolean {
  const given = Buffer.from(header ?? "");
  const wanted = Buffer.from(`Bearer ${token}`);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

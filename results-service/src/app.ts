import { timingSafeEqual } from "node:crypto";
import {
  type Api,
  type ApiFunctions,
  type ProblemName,
  problem,
  problemContentType,
  problems,
} from "@sate/contracts";
import { Elysia } from "elysia";
import type { Counters } from "./counters.ts";
import { errorFields, type Log } from "./log.ts";
import { isOpenAddress } from "./open-address.ts";
import { Unavailable } from "./ports.ts";
import { commandRoutes } from "./routes/commands.ts";
import { healthRoutes } from "./routes/health.ts";

export type AppParts = {
  serviceToken: string;
  /** What is not well, a sentence each; the service is ready when there is nothing. */
  complaints: () => string[];
  counters: Counters;
  log: Log;
};

const retryAfterSeconds = "1";

/** The HTTP face: the commands of `api`. It never listens; main.ts does. */
export function createApp<A extends Api>(
  api: A,
  commands: ApiFunctions<A>,
  { serviceToken, complaints, counters, log }: AppParts,
) {
  return new Elysia({ normalize: false })
    .onError({ as: "global" }, ({ code, error }) => {
      switch (code) {
        case "NOT_FOUND":
          return refusal("not-found", "There is no such route.");
        case "PARSE":
          return refusal("malformed-json", "The body must be JSON.");
        case "VALIDATION":
          return refusal("invalid-body", "The body does not have the shape of the contract.");
        default:
          if (error instanceof Unavailable) {
            log.warn("a command could not be carried out", errorFields(error.cause ?? error));
            return refusal("unavailable", error.message);
          }
          log.error("a command failed unexpectedly", errorFields(error));
          return refusal("internal", "An unexpected error; the log of the service says more.");
      }
    })
    .onRequest(({ request }) => {
      if (isOpenAddress(request.url)) return;
      if (isAuthorized(request.headers.get("authorization"), serviceToken)) return;
      return refusal("unauthorized", "Send the service token: Authorization: Bearer <SERVICE_TOKEN>.");
    })
    .use(healthRoutes({ complaints, counters }))
    .use(commandRoutes(api, commands));
}

function refusal(name: ProblemName, detail: string): Response {
  return new Response(JSON.stringify(problem(name, detail)), {
    status: problems[name].status,
    headers: {
      "content-type": problemContentType,
      ...(problems[name].status === 503 && { "retry-after": retryAfterSeconds }),
    },
  });
}

function isAuthorized(header: string | null, token: string): boolean {
  const given = Buffer.from(header ?? "");
  const wanted = Buffer.from(`Bearer ${token}`);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

import { swagger } from "@elysiajs/swagger";
import { Elysia } from "elysia";
import { type AccessOptions, createAccess } from "./access.ts";
import { allowedMethods } from "./allowed-methods.ts";
import type { Counters } from "./counters.ts";
import type { Log } from "./log.ts";
import { documentation } from "./openapi.ts";
import { Refusal, refusalAnswer } from "./refusal.ts";
import { ownOrNew } from "./request-id.ts";
import { type ExecutionRoutesParts, executionRoutes } from "./routes/executions.ts";
import { healthRoutes } from "./routes/health.ts";
import { type RequestRoutesParts, requestRoutes } from "./routes/requests.ts";
import { type ResultRoutesParts, resultRoutes } from "./routes/results.ts";
import { welcomeRoutes } from "./routes/welcome.ts";

export type AppParts = RequestRoutesParts &
  ExecutionRoutesParts &
  ResultRoutesParts & {
    /** What is not well, a sentence each; the service is ready when there is nothing. */
    complaints: () => string[];
    /** Who may come in. */
    keys: AccessOptions["keys"];
    serviceToken?: string | undefined;
    counters: Counters;
    log: Log;
  };

/** The bundle of the page at /swagger, pinned: the default is whatever is latest. */
const scalarVersion = "1.72.1";

/**
 * The public face. It never listens; main.ts does. Elysia parses and validates nothing here: bodies are
 * opaque, so they are read in body.ts, and the schemas in the documentation are for people.
 */
export function createApp(parts: AppParts) {
  const { complaints, counters, log, newId } = parts;
  const admit = createAccess(parts);
  const app = new Elysia({ normalize: false, strictPath: true, nativeStaticResponse: false })
    .onError({ as: "global" }, ({ code, error, request, set }) => {
      const requestId = String(set.headers["x-request-id"]);
      const trouble = code === "NOT_FOUND" ? nothingHere(request) : error;
      return refusalAnswer(trouble, { method: request.method, requestId, log, counters });
    })
    .onRequest(({ request, set }) => {
      const requestId = ownOrNew(request.headers.get("x-request-id"), newId);
      set.headers["x-request-id"] = requestId;
      set.headers["x-content-type-options"] = "nosniff";
      set.headers["cache-control"] = "no-store";
      checkHost(request);
      admit(request, requestId);
    })
    .use(swagger({ documentation, scalarVersion }))
    .use(healthRoutes({ complaints, counters }))
    .use(welcomeRoutes())
    .use(requestRoutes(parts))
    .use(executionRoutes(parts))
    .use(resultRoutes(parts));

  function nothingHere({ method, url }: Request): Refusal {
    const methods = allowedMethods(app.routes, new URL(url).pathname);
    if (methods.length === 0 || methods.includes(method)) {
      return new Refusal("not-found", "There is nothing at this address. GET / says what there is.");
    }
    const allow = methods.join(", ");
    return new Refusal("method-not-allowed", `This address knows ${allow}.`, {}, { allow });
  }

  return app;
}

/** In front of a path: the router looks for one behind the eleventh character. */
const originCharsMin = "http://".length + 4;

/**
 * Where Host is missing or no host, Bun's address of the request cannot be parsed, and where it is shorter than
 * four characters, the router takes what stands in the middle of the path, or in the query, for the address:
 * it would not be the one that anybody before it has looked at. HTTP asks for 400 where Host is not valid:
 * https://www.rfc-editor.org/rfc/rfc9112#section-3.2
 */
function checkHost({ url }: Request): void {
  if (URL.canParse(url) && url.indexOf("/", "http://".length) >= originCharsMin) return;
  throw new Refusal(
    "malformed-host",
    "Send the header Host with the name or address of this server; a name of fewer than four characters needs its port.",
  );
}

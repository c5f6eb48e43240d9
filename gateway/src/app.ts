import { gatewaySettings } from "@sate/contracts";
import { Elysia, ParseError, ValidationError } from "elysia";
import type { RequiredScope } from "./access/authorize.ts";
import { createHostCheck } from "./access/hosts.ts";
import { discardBody } from "./http/discard-body.ts";
import { failedOf } from "./http/failed.ts";
import { invalidPath, invalidQuery } from "./http/parameters.ts";
import { createProblemResponse, Refusal } from "./http/problem-response.ts";
import type { Config, Ports } from "./ports.ts";
import { creatingRoutes } from "./routes/creating.ts";
import { deadLetterRoutes } from "./routes/dead-letters.ts";
import { eventRoutes } from "./routes/events.ts";
import { executionRoutes } from "./routes/executions.ts";
import { findingRoutes } from "./routes/finding.ts";
import { healthRoutes } from "./routes/health.ts";
import { logRoutes } from "./routes/logs.ts";
import { moveRoutes } from "./routes/move.ts";
import { createRouteParts, type RouteParts } from "./routes/parts.ts";
import { processorRoutes } from "./routes/processors.ts";
import { removalRoutes } from "./routes/removal.ts";
import { requestRoutes } from "./routes/requests.ts";
import { resultRoutes } from "./routes/results.ts";
import { scheduleRoutes } from "./routes/schedules.ts";
import { swaggerRoutes } from "./routes/swagger.ts";
import { webhookRoutes } from "./routes/webhooks.ts";
import { welcomeRoutes } from "./routes/welcome.ts";
import { workerRoutes } from "./routes/workers.ts";

const version = "0.1.0";

/** A client's request id that is short and harmless in any log; others are replaced. */
const plainId = /^[A-Za-z0-9._-]{1,128}$/;

/** The public HTTP interface. It never listens; main.ts does. Each route states its schemas, scope and documentation. */
export function createApp(
  ports: Ports,
  config: Config,
  life: Pick<RouteParts, "notReadyReasons" | "stopping">,
) {
  const { newId } = ports;
  const { allowedHosts = new Set(), publicUrl } = config;
  const idleSeconds = config.idleTimeoutSeconds ?? gatewaySettings.IDLE_TIMEOUT_SECONDS.default;
  const parts = { ...createRouteParts(ports, config, { idleSeconds, ...life }), ...life };
  const { access, ingress, operation } = parts;
  const { hasKeys } = access;
  const problemResponse = createProblemResponse(ports);
  const checkHost = createHostCheck({ hasKeys, allowedHosts, publicUrl });
  const documented = [
    ...[creatingRoutes, findingRoutes, requestRoutes, removalRoutes, executionRoutes, eventRoutes, logRoutes],
    ...[resultRoutes, scheduleRoutes, webhookRoutes, deadLetterRoutes, processorRoutes, workerRoutes],
    ...[welcomeRoutes, healthRoutes],
  ].map((routes) => routes(parts));

  // standardHostname: otherwise Elysia looks for the path after the eleventh character of the URL, and takes a part of
  // it for the path if Host is shorter than four characters.
  const app = new Elysia({
    normalize: false,
    strictPath: true,
    nativeStaticResponse: false,
    handler: { standardHostname: false },
  })
    .onError({ as: "global" }, async ({ code, error, request, server, set }) => {
      ingress.release(request);
      const client = server?.requestIP(request)?.address;
      const cause = code === "NOT_FOUND" ? nothingHere(request) : causeOf(error);
      const response = problemResponse(cause, { ...failedOf(request, set.headers), client });
      if (!(await discardBody(request))) response.headers.set("connection", "close");
      return response;
    })
    .onRequest(({ request, server, set }) => {
      const givenId = request.headers.get("x-request-id");
      set.headers["x-request-id"] = givenId !== null && plainId.test(givenId) ? givenId : newId();
      set.headers["x-content-type-options"] = "nosniff";
      set.headers["cache-control"] = "no-store";
      server?.timeout(request, idleSeconds);
      checkHost(request);
      const { pathname } = new URL(request.url);
      // Otherwise `GET /requests/batch` would ask for the request with the id `batch`.
      const methods = methodsOfPlainPaths.get(pathname);
      if (methods && !methods.includes(request.method)) throw nothingHere(request);
      // Not a route: Elysia's adapter for Bun would take it for `/swagger`, where the page's relative links begin.
      if (pathname === "/swagger/") {
        return new Response(null, { status: 308, headers: { location: "../swagger" } });
      }
    });
  for (const routes of documented) app.use(routes);
  if (ports.move) app.use(moveRoutes(operation, ports.move));
  app.use(swaggerRoutes({ operation, documented, document: { version, hasKeys, publicUrl } }));
  const plainPaths = app.routes.map(({ path }) => path).filter((path) => !path.includes(":"));
  const methodsOfPlainPaths = new Map(plainPaths.map((path) => [path, allowedMethods(app.routes, path)]));
  const publicPaths = new Set(app.routes.filter(isPublic).map(({ path }) => path));

  /** Clients without a valid key do not learn which paths exist, except for those that are public. */
  function nothingHere(request: Request): unknown {
    const { pathname } = new URL(request.url);
    try {
      if (!publicPaths.has(pathname)) access.authenticate(request);
    } catch (refusal) {
      return refusal;
    }
    const methods = allowedMethods(app.routes, pathname);
    if (methods.length === 0 || methods.includes(request.method)) {
      return new Refusal("not-found", "This path does not exist. `GET /swagger` lists those that do.");
    }
    const allow = methods.join(", ");
    const detail = `This path does not support the method of the request. Use one of: ${allow}.`;
    return new Refusal("method-not-allowed", detail, {}, { allow });
  }

  return app;
}

/** Whether a route needs no API key. */
function isPublic({ hooks }: { hooks: { detail?: object } }): boolean {
  return (hooks.detail as { "x-required-scope"?: RequiredScope })["x-required-scope"] === "none";
}

/**
 * The methods of the routes of this path; none if it does not exist. HEAD comes with GET. A path without parameters
 * hides the routes with parameters that also match it.
 */
function allowedMethods(routes: { method: string; path: string }[], pathname: string): string[] {
  const segments = pathname.split("/");
  const isHere = (parts: string[]) =>
    parts.length === segments.length &&
    parts.every((part, index) => (part.startsWith(":") ? segments[index] !== "" : part === segments[index]));
  const plain = routes.filter(({ path }) => path === pathname);
  const here = plain.length > 0 ? plain : routes.filter(({ path }) => isHere(path.split("/")));
  const methods = here.map(({ method }) => method);
  return [...new Set(methods.includes("GET") ? [...methods, "HEAD"] : methods)].sort();
}

/** What a hook or a handler has thrown; a refusal if a schema does not match. */
function causeOf(error: unknown): unknown {
  // Elysia wraps what a parse hook throws.
  if (error instanceof ParseError) return error.cause;
  if (!(error instanceof ValidationError) || !error.valueError) return error;
  const { type, valueError } = error;
  switch (type) {
    case "params":
      return invalidPath(valueError);
    case "query":
      return invalidQuery(valueError);
    default:
      return error;
  }
}

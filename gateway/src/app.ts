import type { TObject } from "@sinclair/typebox";
import { Elysia, ParseError, ValidationError } from "elysia";
import { type AccessOptions, createAccess, pathOf } from "./access/authorize.ts";
import { type AllowedHosts, createHostCheck } from "./access/hosts.ts";
import type { Batches } from "./capacity/create-batches.ts";
import type { Ingress } from "./capacity/ingress.ts";
import type { StartExecution } from "./executions/create.ts";
import { allowedMethods } from "./http/allowed-methods.ts";
import { discardBody } from "./http/discard-body.ts";
import { createLimitedLog } from "./http/limited-log.ts";
import { invalidBody } from "./http/parse-body.ts";
import { invalidPath } from "./http/path-ids.ts";
import { problemResponse, Refusal } from "./http/problem-response.ts";
import { invalidQuery } from "./http/query.ts";
import { ownOrNew } from "./http/request-id.ts";
import type { Uris } from "./http/uris.ts";
import type { Requests, Results } from "./ports.ts";
import { executionRoutes } from "./routes/executions.ts";
import { healthRoutes } from "./routes/health.ts";
import { createOperation } from "./routes/operation.ts";
import { requestRoutes } from "./routes/requests.ts";
import { resultRoutes } from "./routes/results.ts";
import { swaggerRoutes } from "./routes/swagger.ts";
import type { Log } from "./runtime/log.ts";
import type { Counters } from "./runtime/metrics.ts";
import { welcomeRoutes } from "./welcome/routes.ts";

export type AppParts = {
  requests: Requests;
  results: Results;
  createRequest: Batches["createRequest"];
  startExecution: StartExecution;
  ingress: Ingress;
  uris: Uris;
  newId: () => string;
  /** Why the service is not ready, a sentence each. */
  notReadyReasons: () => Promise<string[]>;
  counters: Counters;
  log: Log;
  access: Omit<AccessOptions, "log"> & { allowedHosts: AllowedHosts };
  publicUrl?: string | undefined;
  bodyBytesMax: number;
  idleSeconds: number;
};

const version = "0.1.0";

/** The public HTTP interface. It never listens; main.ts does. Each route states its schemas, scope and documentation. */
export function createApp(parts: AppParts) {
  const { log, counters, newId, ingress, publicUrl, idleSeconds } = parts;
  const limitedLog = createLimitedLog(log);
  const access = createAccess({ ...parts.access, log });
  const { hasKeys } = access;
  const checkHost = createHostCheck({ hasKeys, allowedHosts: parts.access.allowedHosts, publicUrl });
  const operation = createOperation({ ...parts, access });
  const shared = { ...parts, access, operation };
  const documented = [
    healthRoutes(shared),
    welcomeRoutes(shared),
    requestRoutes(shared),
    executionRoutes(shared),
    resultRoutes(shared),
  ];

  // standardHostname: Elysia looks for the path behind the eleventh character of the address, unless told otherwise,
  // and so would take a part of it for the path where Host is shorter than four characters.
  const app = new Elysia({
    normalize: false,
    strictPath: true,
    nativeStaticResponse: false,
    handler: { standardHostname: false },
  })
    .onError({ as: "global" }, async ({ code, error, request, server, set }) => {
      ingress.letGo(request);
      const request_id = String(set.headers["x-request-id"]);
      const failed = {
        request: {
          method: request.method,
          path: pathOf(request),
          request_id,
          client: server?.requestIP(request)?.address,
        },
        log,
        limitedLog,
        counters,
      };
      const cause = code === "NOT_FOUND" ? nothingHere(request, request_id) : causeOf(error);
      const response = problemResponse(cause, failed);
      if (!(await discardBody(request))) response.headers.set("connection", "close");
      return response;
    })
    .onRequest(({ request, server, set }) => {
      set.headers["x-request-id"] = ownOrNew(request.headers.get("x-request-id"), newId);
      set.headers["x-content-type-options"] = "nosniff";
      set.headers["cache-control"] = "no-store";
      server?.timeout(request, idleSeconds);
      checkHost(request);
    });
  for (const routes of documented) app.use(routes);
  app.use(swaggerRoutes({ operation, documented, document: { version, hasKeys, publicUrl } }));

  /** Without a key, clients do not learn which addresses exist. */
  function nothingHere(request: Request, requestId: string): unknown {
    try {
      access.authenticate({ request, requestId });
    } catch (refusal) {
      return refusal;
    }
    const methods = allowedMethods(app.routes, new URL(request.url).pathname);
    if (methods.length === 0 || methods.includes(request.method)) {
      return new Refusal("not-found", "There is nothing at this address. GET / says what there is.");
    }
    const allow = methods.join(", ");
    return new Refusal("method-not-allowed", `This address supports ${allow}.`, {}, { allow });
  }

  return app;
}

/** What a hook or a handler has thrown; or what a schema has refused, as a refusal. */
function causeOf(error: unknown): unknown {
  // Elysia wraps what a parse hook throws.
  if (error instanceof ParseError) return error.cause;
  if (!(error instanceof ValidationError) || !error.valueError) return error;
  const { type, value, valueError, validator } = error;
  switch (type) {
    case "params":
      return invalidPath(valueError);
    case "query":
      return invalidQuery(valueError);
    case "body":
      return invalidBody(value, valueError, (validator as { schema: TObject }).schema);
    default:
      return error;
  }
}

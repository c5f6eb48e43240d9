import { gatewaySettings } from "@sate/contracts";
import type { TObject } from "@sinclair/typebox";
import { Elysia, ParseError, ValidationError } from "elysia";
import type { ApiKey } from "./access/api-keys.ts";
import { createAccess, pathOf } from "./access/authorize.ts";
import { type AllowedHosts, createHostCheck } from "./access/hosts.ts";
import { createBatches } from "./capacity/create-batches.ts";
import { createIngress } from "./capacity/ingress.ts";
import { createAttemptLimit } from "./executions/attempt-limit.ts";
import { createStartExecution } from "./executions/create.ts";
import { allowedMethods } from "./http/allowed-methods.ts";
import { discardBody } from "./http/discard-body.ts";
import { createLimitedLog } from "./http/limited-log.ts";
import { invalidBody } from "./http/parse-body.ts";
import { invalidPath } from "./http/path-ids.ts";
import { problemResponse, Refusal } from "./http/problem-response.ts";
import { invalidQuery } from "./http/query.ts";
import { ownOrNew } from "./http/request-id.ts";
import { createUris } from "./http/uris.ts";
import type { Ports } from "./ports.ts";
import { executionRoutes } from "./routes/executions.ts";
import { healthRoutes } from "./routes/health.ts";
import { createOperation } from "./routes/operation.ts";
import type { RouteParts } from "./routes/parts.ts";
import { requestRoutes } from "./routes/requests.ts";
import { resultRoutes } from "./routes/results.ts";
import { swaggerRoutes } from "./routes/swagger.ts";
import { welcomeRoutes } from "./welcome/routes.ts";

export type Config = {
  /** Maximum failed executions per request. */
  maxFailures: number;
  /** Bytes of the largest accepted body. */
  bodyBytesMax: number;
  /** Without any, every client that reaches the gateway may do everything. */
  apiKeys?: readonly ApiKey[];
  /** Names that are served without keys, in addition to loopback names. */
  allowedHosts?: AllowedHosts;
  /** Scheme, host and prefix under which clients reach the API; without it links are relative to the server. */
  publicUrl?: string;
  /** How long a connection may be idle between two requests. */
  idleTimeoutSeconds?: number;
  /** With API keys, this token also shows why the gateway is not ready. */
  serviceToken?: string;
};

const version = "0.1.0";

/** The public HTTP interface. It never listens; main.ts does. Each route states its schemas, scope and documentation. */
export function createApp(ports: Ports, config: Config, notReadyReasons: RouteParts["notReadyReasons"]) {
  const { log, counters, newId } = ports;
  const { allowedHosts = new Set(), publicUrl } = config;
  const idleSeconds = config.idleTimeoutSeconds ?? gatewaySettings.IDLE_TIMEOUT_SECONDS.default;
  const parts = { ...createParts(ports, config, idleSeconds), notReadyReasons };
  const { access, ingress, operation } = parts;
  const { hasKeys } = access;
  const limitedLog = createLimitedLog(log);
  const checkHost = createHostCheck({ hasKeys, allowedHosts, publicUrl });
  const documented = [healthRoutes, welcomeRoutes, requestRoutes, executionRoutes, resultRoutes].map(
    (routes) => routes(parts),
  );

  // standardHostname: otherwise Elysia looks for the path after the eleventh character of the URL, and takes a part of
  // it for the path if Host is shorter than four characters.
  const app = new Elysia({
    normalize: false,
    strictPath: true,
    nativeStaticResponse: false,
    handler: { standardHostname: false },
  })
    .onError({ as: "global" }, async ({ code, error, request, server, set }) => {
      ingress.letGo(request);
      const { method } = request;
      const request_id = String(set.headers["x-request-id"]);
      const client = server?.requestIP(request)?.address;
      const cause = code === "NOT_FOUND" ? nothingHere(request) : causeOf(error);
      const failed = { request: { method, path: pathOf(request), request_id, client } };
      const response = problemResponse(cause, { ...failed, log, limitedLog, counters });
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

  /** Clients without a valid key do not learn which paths exist. */
  function nothingHere(request: Request): unknown {
    try {
      access.authenticate(request);
    } catch (refusal) {
      return refusal;
    }
    const methods = allowedMethods(app.routes, new URL(request.url).pathname);
    if (methods.length === 0 || methods.includes(request.method)) {
      return new Refusal("not-found", "This path does not exist. `GET /swagger` lists those that do.");
    }
    const allow = methods.join(", ");
    const detail = `This path does not support the method of the request. Use one of: ${allow}.`;
    return new Refusal("method-not-allowed", detail, {}, { allow });
  }

  return app;
}

function createParts(ports: Ports, config: Config, idleSeconds: number) {
  const { apiKeys = [], serviceToken, bodyBytesMax, maxFailures } = config;
  const ingress = createIngress();
  const access = createAccess({ keys: apiKeys, serviceToken, log: ports.log });
  const operation = createOperation({ access, ingress, bodyBytesMax, idleSeconds });
  const uris = createUris(config.publicUrl);
  const batches = createBatches(ports.requests, config);
  const attemptLimit = createAttemptLimit();
  const startExecution = createStartExecution({ ...ports, ...batches, attemptLimit, maxFailures, uris });
  const { createRequest } = batches;
  return { ...ports, ingress, access, operation, uris, startExecution, createRequest };
}

/** What a hook or a handler has thrown; a refusal if a schema does not match. */
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

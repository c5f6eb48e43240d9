import { CreateExecution, limits } from "@sate/contracts";
import { Type } from "@sinclair/typebox";
import { Elysia } from "elysia";
import type { Ingress } from "../capacity/ingress.ts";
import { hasEnded } from "../executions/conflicts.ts";
import type { StartExecution } from "../executions/create.ts";
import { ExecutionPath, noSuchExecution, noSuchRequest, RequestPath } from "../http/path-ids.ts";
import { attemptCursorOf, cursors, NoQuery, pageQuery } from "../http/query.ts";
import { executionPageView, executionStateView, jsonResponse } from "../http/render.ts";
import type { Uris } from "../http/uris.ts";
import { examples } from "../openapi/examples.ts";
import { jsonResponseOf } from "../openapi/responses.ts";
import type { Requests } from "../ports.ts";
import type { Operation } from "./operation.ts";

export type ExecutionRoutesParts = {
  operation: Operation;
  ingress: Ingress;
  requests: Pick<Requests, "getExecution" | "listExecutions" | "cancelExecution">;
  startExecution: StartExecution;
  uris: Uris;
};

/** The body of an address that needs none. */
const NoBody = Type.Object({}, { additionalProperties: false });

/** Executions of a request: started, followed, cancelled. */
export function executionRoutes(parts: ExecutionRoutesParts) {
  const { operation, ingress, requests, startExecution, uris } = parts;
  return new Elysia({ normalize: false, strictPath: true })
    .post(
      "/requests/:request_id/executions",
      ({ request, params, body }) =>
        ingress.serve(request, "create", () => startExecution(params.request_id, body, request.headers)),
      operation(
        { params: RequestPath, query: NoQuery, body: CreateExecution },
        {
          id: "createExecution",
          scope: "submit",
          tag: "executions",
          summary: "Execute a processing request",
          description:
            "At most one execution of a request is active, a success is final, and failures are bounded: otherwise " +
            "the response is 409 and says where to look. An attempt after too many failures is also recorded for the " +
            "dead letter queue; beyond 100 of one request at once, and one a second, the response is 429 and the " +
            "attempt is not recorded.",
          responses: {
            201: jsonResponseOf("The execution is accepted durably", "Execution", {
              example: examples.execution,
              location: "Address of the execution",
            }),
          },
          problems: [
            "request-not-found",
            "execution-active",
            "already-succeeded",
            "failures-exhausted",
            "too-many-attempts",
          ],
        },
      ),
    )
    .get(
      "/requests/:request_id/executions",
      ({ request, params: { request_id }, query: { limit, cursor } }) =>
        ingress.serve(request, "readRequests", async () => {
          const after_attempt = attemptCursorOf(cursor);
          const page = await requests.listExecutions({ request_id, limit, after_attempt });
          if (page.kind === "unknown_request") throw noSuchRequest();
          const last = page.more ? page.executions.at(-1) : undefined;
          const next = last && uris.next(uris.executions(request_id), limit, cursors.ofAttempt(last.attempt));
          return jsonResponse(200, executionPageView(uris, page.executions, next));
        }),
      operation(
        { params: RequestPath, query: pageQuery(limits.pageDefault) },
        {
          id: "listExecutions",
          scope: "read",
          tag: "executions",
          summary: "List the executions of a request, oldest first",
          responses: { 200: jsonResponseOf("A page of executions", "ExecutionPage") },
          problems: ["request-not-found"],
        },
      ),
    )
    .get(
      "/requests/:request_id/executions/:execution_id",
      ({ request, params }) =>
        ingress.serve(request, "readRequests", async () => {
          const found = await requests.getExecution(params);
          switch (found.kind) {
            case "found":
              return jsonResponse(200, executionStateView(uris, found.execution, found.request));
            case "unknown_request":
              throw noSuchRequest();
            case "unknown_execution":
              throw noSuchExecution();
          }
        }),
      operation(
        { params: ExecutionPath, query: NoQuery },
        {
          id: "getExecution",
          scope: "read",
          tag: "executions",
          summary: "Read an execution and its status",
          description: "A final status never changes. The result can be read a moment after it.",
          responses: { 200: jsonResponseOf("The execution", "ExecutionState") },
          problems: ["request-not-found", "execution-not-found"],
        },
      ),
    )
    .post(
      "/requests/:request_id/executions/:execution_id/cancel",
      ({ request, params }) =>
        ingress.serve(request, "readRequests", async () => {
          const cancelled = await requests.cancelExecution(params);
          switch (cancelled.kind) {
            case "cancelled":
              return jsonResponse(200, executionStateView(uris, cancelled.execution, cancelled.request));
            case "cancelling":
              return jsonResponse(202, executionStateView(uris, cancelled.execution, cancelled.request));
            case "ended":
              throw hasEnded(uris, cancelled.execution);
            case "unknown_request":
              throw noSuchRequest();
            case "unknown_execution":
              throw noSuchExecution();
          }
        }),
      operation(
        { params: ExecutionPath, query: NoQuery, body: NoBody },
        {
          id: "cancelExecution",
          scope: "submit",
          tag: "executions",
          summary: "Cancel an execution",
          description:
            "A queued execution ends at once, a running one when its processor has been told. May be repeated.",
          responses: {
            200: jsonResponseOf("The execution is cancelled", "ExecutionState"),
            202: jsonResponseOf("The execution will be cancelled, unless it ends before", "ExecutionState"),
          },
          problems: ["request-not-found", "execution-not-found", "execution-ended"],
        },
      ),
    );
}

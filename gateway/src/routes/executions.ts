import { CreateExecution, limits } from "@sate/contracts";
import { Type } from "@sinclair/typebox";
import { Elysia } from "elysia";
import { hasEnded } from "../executions/conflicts.ts";
import { ExecutionPath, RequestPath, unknownId } from "../http/path-ids.ts";
import { attemptPageQuery, NoQuery } from "../http/query.ts";
import { executionStateView, jsonResponse, pageResponse } from "../http/render.ts";
import { jsonResponseOf } from "../openapi/responses.ts";
import type { RouteParts } from "./parts.ts";

const NoBody = Type.Object({}, { additionalProperties: false });

/** Executions of a request: start, list, read, cancel. */
export function executionRoutes({ operation, ingress, requests, startExecution, uris }: RouteParts) {
  return new Elysia({ normalize: false, strictPath: true })
    .post(
      "/requests/:request_id/executions",
      ({ request, params, body }) =>
        ingress.serve(request, "create", () => startExecution(params.request_id, body, request.headers)),
      operation({
        params: RequestPath,
        query: NoQuery,
        body: CreateExecution,
        id: "createExecution",
        scope: "submit",
        tag: "executions",
        summary: "Execute a processing request",
        description:
          "At most one execution of a request is active, success is final, and the number of failed executions is " +
          "limited: beyond that the response is 409, with a link to what the client needs next. An attempt after " +
          "too many failures is recorded in the dead letter queue. More than 100 such attempts at once, or one a " +
          "second, are refused with 429 and not recorded.",
        responses: {
          201: jsonResponseOf("The execution is accepted durably.", "Execution", "The URI of the execution."),
        },
        problems: [
          "request-not-found",
          "execution-active",
          "already-succeeded",
          "failures-exhausted",
          "too-many-attempts",
        ],
      }),
    )
    .get(
      "/requests/:request_id/executions",
      ({ request, params: { request_id }, query: { limit, cursor } }) =>
        ingress.serve(request, "readRequests", async () => {
          const after_attempt = Number(cursor ?? 0);
          const page = await requests.listExecutions({ request_id, limit, after_attempt });
          if (page.kind === "unknown_request") throw unknownId(page.kind);
          const last = page.more ? page.executions.at(-1) : undefined;
          const next = uris.next(uris.executions(request_id), limit, last?.attempt);
          const entries = page.executions.map((execution) => executionStateView(uris, execution));
          return pageResponse("executions", entries, next);
        }),
      operation({
        params: RequestPath,
        query: attemptPageQuery(limits.pageDefault),
        id: "listExecutions",
        scope: "read",
        tag: "executions",
        summary: "List the executions of a processing request, oldest first",
        responses: { 200: jsonResponseOf("A page of executions.", "ExecutionPage") },
        problems: ["request-not-found"],
      }),
    )
    .get(
      "/requests/:request_id/executions/:execution_id",
      ({ request, params }) =>
        ingress.serve(request, "readRequests", async () => {
          const found = await requests.getExecution(params);
          if (found.kind !== "found") throw unknownId(found.kind);
          return jsonResponse(200, executionStateView(uris, found.execution, found.request));
        }),
      operation({
        params: ExecutionPath,
        query: NoQuery,
        id: "getExecution",
        scope: "read",
        tag: "executions",
        summary: "Get an execution and its status",
        description: "A final status never changes. The result is readable a moment later.",
        responses: { 200: jsonResponseOf("The execution.", "ExecutionState") },
        problems: ["request-not-found", "execution-not-found"],
      }),
    )
    .post(
      "/requests/:request_id/executions/:execution_id/cancel",
      ({ request, params }) =>
        ingress.serve(request, "readRequests", async () => {
          const found = await requests.cancelExecution(params);
          switch (found.kind) {
            case "cancelled":
              return jsonResponse(200, executionStateView(uris, found.execution, found.request));
            case "cancelling":
              return jsonResponse(202, executionStateView(uris, found.execution, found.request));
            case "ended":
              throw hasEnded(uris, found.execution);
            default:
              throw unknownId(found.kind);
          }
        }),
      operation({
        params: ExecutionPath,
        query: NoQuery,
        body: NoBody,
        id: "cancelExecution",
        scope: "submit",
        tag: "executions",
        summary: "Cancel an execution",
        description:
          "A queued execution is cancelled at once, a running one after its worker's next heartbeat. Safe to repeat.",
        responses: {
          200: jsonResponseOf("The execution is cancelled.", "ExecutionState"),
          202: jsonResponseOf("The execution will be cancelled unless it ends first.", "ExecutionState"),
        },
        problems: ["request-not-found", "execution-not-found", "execution-ended"],
      }),
    );
}

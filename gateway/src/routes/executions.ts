import { CreateExecution, type ExecutionRecord, limits } from "@sate/contracts";
import { Elysia } from "elysia";
import { replayed } from "../http/idempotency-key.ts";
import { attemptPageQuery, ExecutionPath, NoBody, RequestPath, unknownId } from "../http/parameters.ts";
import { Refusal } from "../http/problem-response.ts";
import { executionStateView, executionView, jsonResponse, pageResponse } from "../http/render.ts";
import type { Uris } from "../http/uris.ts";
import { idempotencyKey, preferWait } from "../openapi/headers.ts";
import type { RouteParts } from "./parts.ts";

/** Executions of a request: start, list, read, cancel. */
export function executionRoutes(parts: RouteParts) {
  return new Elysia({ normalize: false, strictPath: true }).use(ofRequest(parts)).use(ofExecution(parts));
}

function ofRequest(parts: RouteParts) {
  const { operation, ingress, requests, idempotencyKeys, startExecution, waitForEnd, uris } = parts;
  return new Elysia({ normalize: false, strictPath: true })
    .post(
      "/requests/:request_id/executions",
      async ({ request, server, params: { request_id }, body }) => {
        const started = await ingress.serve(request, "create", async () => {
          const key = idempotencyKeys(request, ["POST /requests/{id}/executions", request_id], body);
          return startExecution(request_id, body, { headers: request.headers, key });
        });
        const location = uris.execution(request_id, started.execution.id);
        const headers = { location, ...replayed(started.is_replay) };
        const waited = await waitForEnd({ request, server, found: started });
        if (waited === null) {
          return jsonResponse(201, executionView(started.execution, started.request), headers);
        }
        const state = executionStateView(uris, waited.execution, started.request, waited.result);
        return jsonResponse(201, state, { ...headers, ...waited.headers });
      },
      operation("executions", {
        params: RequestPath,
        body: CreateExecution,
        id: "createExecution",
        scope: "submit",
        summary: "Execute a processing request",
        description:
          "At most one execution of a request is active, success is final, and the number of failed executions is " +
          "limited: beyond that the response is 409, with a link to what the client needs next. An attempt after " +
          "too many failures is recorded in the dead letter queue. More than 100 such attempts at once, or one a " +
          "second, are refused with 429 and not recorded. An execution may start later, expire before it has started, " +
          "and have a deadline below that of its processor. If the processor has retries, a failed try is repeated " +
          "within the same execution. With `Prefer: wait=N` the response waits for the end and has the schema " +
          "ExecutionState. A call that repeats one with the same Idempotency-Key returns the execution that the first " +
          "one created, whatever its status.",
        headers: { ...preferWait, ...idempotencyKey },
        responses: {
          201: ["The execution was accepted and stored durably.", "Execution", "The URI of the execution."],
        },
        problems: [
          "execution-active",
          "already-succeeded",
          "failures-exhausted",
          "too-many-attempts",
          "unknown-processor",
          "idempotency-key-reused",
        ],
      }),
    )
    .get(
      "/requests/:request_id/executions",
      ({ request, params: { request_id }, query: { limit, cursor } }) =>
        ingress.serve(request, "readRequests", async () => {
          const after_attempt = Number(cursor ?? 0);
          const page = await requests.listExecutions({ request_id, limit, after_attempt });
          if (page.kind !== "found") throw unknownId(page.kind);
          const { executions, more } = page;
          const next = uris.next(uris.executions(request_id), limit, more, executions.at(-1)?.attempt);
          const entries = executions.map((execution) => executionStateView(uris, execution));
          return pageResponse("executions", entries, next);
        }),
      operation("executions", {
        params: RequestPath,
        query: attemptPageQuery(limits.pageDefault),
        id: "listExecutions",
        scope: "read",
        summary: "List the executions of a processing request, oldest first",
        responses: { 200: ["A page of executions.", "ExecutionPage"] },
      }),
    );
}

function ofExecution({ operation, ingress, requests, waitForEnd, uris }: RouteParts) {
  return new Elysia({ normalize: false, strictPath: true })
    .get(
      "/requests/:request_id/executions/:execution_id",
      async ({ request, server, params }) => {
        const found = await ingress.serve(request, "readRequests", () => requests.getExecution(params));
        if (found.kind !== "found") throw unknownId(found.kind);
        const waited = await waitForEnd({ request, server, found });
        const { execution, result, headers } = waited ?? { ...found, result: undefined, headers: {} };
        return jsonResponse(200, executionStateView(uris, execution, found.request, result), headers);
      },
      operation("executions", {
        params: ExecutionPath,
        id: "getExecution",
        scope: "read",
        summary: "Get an execution and its status",
        description:
          "A final status never changes. The result is readable a moment later. With `Prefer: wait=N` the response waits for both.",
        headers: preferWait,
        responses: { 200: ["The execution.", "ExecutionState"] },
      }),
    )
    .post(
      "/requests/:request_id/executions/:execution_id/cancel",
      ({ request, params }) =>
        ingress.serve(request, "readRequests", async () => {
          const found = await requests.cancelExecution(params);
          if (found.kind === "ended") throw hasEnded(uris, found.execution);
          if (found.kind !== "cancelled" && found.kind !== "cancelling") throw unknownId(found.kind);
          const status = found.kind === "cancelled" ? 200 : 202;
          return jsonResponse(status, executionStateView(uris, found.execution, found.request));
        }),
      operation("executions", {
        params: ExecutionPath,
        body: NoBody,
        id: "cancelExecution",
        scope: "submit",
        summary: "Cancel an execution",
        description:
          "A queued execution is cancelled at once, a running one after its worker's next heartbeat. Safe to repeat.",
        responses: {
          200: ["The execution is cancelled.", "ExecutionState"],
          202: ["The execution will be cancelled unless it ends first.", "ExecutionState"],
        },
        problems: ["execution-ended"],
      }),
    );
}

function hasEnded(uris: Uris, { request_id, id }: ExecutionRecord): Refusal {
  return new Refusal(
    "execution-ended",
    "The execution has ended, so it can no longer be cancelled. Read its result at `results_uri`.",
    { results_uri: uris.executionResults(request_id, id), execution_uri: uris.execution(request_id, id) },
  );
}

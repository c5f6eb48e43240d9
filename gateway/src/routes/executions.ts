import { limits } from "@sate/contracts";
import { Elysia } from "elysia";
import type { Door } from "../door.ts";
import { readNothing } from "../envelope.ts";
import { executionsUri, nextUri } from "../links.ts";
import { operations } from "../openapi.ts";
import { executionIdOf, noSuchExecution, noSuchRequest, requestIdOf } from "../path-ids.ts";
import type { Requests } from "../ports.ts";
import { attemptCursorOf, cursors, limitOf, pageParameters } from "../query.ts";
import { hasEnded } from "../refused-execution.ts";
import type { StartExecution } from "../start-execution.ts";
import { executionPageView, executionStateView, jsonAnswer } from "../views.ts";

export type ExecutionRoutesParts = {
  door: Door;
  requests: Pick<Requests, "getExecution" | "listExecutions" | "cancelExecution">;
  startExecution: StartExecution;
};

/** Executions of a request: started, followed, cancelled. */
export function executionRoutes({ door, requests, startExecution }: ExecutionRoutesParts) {
  return new Elysia({ strictPath: true })
    .post(
      "/requests/:request_id/executions",
      ({ request, server, params }) => {
        const requestId = requestIdOf(params.request_id);
        return door.pass({ request, server }, { hasBody: true }, ({ body }) =>
          startExecution(requestId, body, request.headers),
        );
      },
      { parse: "none", detail: operations.createExecution },
    )
    .get(
      "/requests/:request_id/executions",
      ({ request, server, params }) => {
        const request_id = requestIdOf(params.request_id);
        return door.pass({ request, server }, { parameters: pageParameters }, async ({ query }) => {
          const limit = limitOf(query, limits.pageDefault);
          const after_attempt = attemptCursorOf(query) ?? 0;
          const page = await requests.listExecutions({ request_id, limit, after_attempt });
          if (page.kind === "unknown_request") throw noSuchRequest();
          const last = page.more ? page.executions.at(-1) : undefined;
          const next = last && nextUri(executionsUri(request_id), limit, cursors.ofAttempt(last.attempt));
          return jsonAnswer(200, executionPageView(page.executions, next));
        });
      },
      { detail: operations.listExecutions },
    )
    .get(
      "/requests/:request_id/executions/:execution_id",
      ({ request, server, params }) => {
        const request_id = requestIdOf(params.request_id);
        const execution_id = executionIdOf(params.execution_id);
        return door.pass({ request, server }, {}, async () => {
          const found = await requests.getExecution({ request_id, execution_id });
          switch (found.kind) {
            case "found":
              return jsonAnswer(200, executionStateView(found.execution, found.request));
            case "unknown_request":
              throw noSuchRequest();
            case "unknown_execution":
              throw noSuchExecution();
          }
        });
      },
      { detail: operations.getExecution },
    )
    .post(
      "/requests/:request_id/executions/:execution_id/cancel",
      ({ request, server, params }) => {
        const request_id = requestIdOf(params.request_id);
        const execution_id = executionIdOf(params.execution_id);
        return door.pass({ request, server }, { hasBody: true }, async ({ body }) => {
          readNothing(body);
          const answer = await requests.cancelExecution({ request_id, execution_id });
          switch (answer.kind) {
            case "cancelled":
              return jsonAnswer(200, executionStateView(answer.execution, answer.request));
            case "cancelling":
              return jsonAnswer(202, executionStateView(answer.execution, answer.request));
            case "ended":
              throw hasEnded(answer.execution);
            case "unknown_request":
              throw noSuchRequest();
            case "unknown_execution":
              throw noSuchExecution();
          }
        });
      },
      { parse: "none", detail: operations.cancelExecution },
    );
}

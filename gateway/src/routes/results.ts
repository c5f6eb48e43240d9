import { limits } from "@sate/contracts";
import { Elysia } from "elysia";
import type { Door } from "../door.ts";
import { nextUri, requestResultsUri } from "../links.ts";
import { operations } from "../openapi.ts";
import { executionIdOf, noSuchExecution, noSuchRequest, requestIdOf } from "../path-ids.ts";
import type { Requests, Results } from "../ports.ts";
import { attemptCursorOf, cursors, limitOf, pageParameters } from "../query.ts";
import { jsonAnswer, resultPageView } from "../views.ts";

export type ResultRoutesParts = {
  door: Door;
  requests: Pick<Requests, "getRequest" | "getExecution">;
  results: Results;
};

/**
 * Results, of a request and of an execution. results-service knows no requests, so whether there is one is
 * asked only where there are no results: mostly one call answers.
 */
export function resultRoutes({ door, requests, results }: ResultRoutesParts) {
  return new Elysia({ strictPath: true })
    .get(
      "/requests/:request_id/results",
      ({ request, server, params }) => {
        const request_id = requestIdOf(params.request_id);
        return door.pass({ request, server }, { parameters: pageParameters }, async ({ query }) => {
          // The original gave all of them: by default a page is as large as pages can be.
          const limit = limitOf(query, limits.pageMax);
          const after_attempt = attemptCursorOf(query) ?? 0;
          const page = await results.resultsOfRequest({ request_id, limit, after_attempt });
          const last = page.results.at(-1);
          if (!last && (await requests.getRequest({ request_id })).kind === "unknown_request") {
            throw noSuchRequest();
          }
          const isLastPage = !page.more || !last;
          const next = isLastPage
            ? undefined
            : nextUri(requestResultsUri(request_id), limit, cursors.ofAttempt(last.attempt));
          return jsonAnswer(200, resultPageView(page.results, next));
        });
      },
      { detail: operations.resultsOfRequest },
    )
    .get(
      "/requests/:request_id/executions/:execution_id/results",
      ({ request, server, params }) => {
        const request_id = requestIdOf(params.request_id);
        const execution_id = executionIdOf(params.execution_id);
        return door.pass({ request, server }, {}, async () => {
          const found = (await results.resultsOfExecution({ request_id, execution_id })).results;
          if (found.length === 0) await mustExist(request_id, execution_id);
          return jsonAnswer(200, resultPageView(found));
        });
      },
      { detail: operations.resultsOfExecution },
    );

  async function mustExist(request_id: string, execution_id: string): Promise<void> {
    const { kind } = await requests.getExecution({ request_id, execution_id });
    if (kind === "unknown_request") throw noSuchRequest();
    if (kind === "unknown_execution") throw noSuchExecution();
  }
}

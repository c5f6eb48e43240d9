import { limits } from "@sate/contracts";
import { Elysia } from "elysia";
import type { Ingress } from "../capacity/ingress.ts";
import { ExecutionPath, noSuchExecution, noSuchRequest, RequestPath } from "../http/path-ids.ts";
import { attemptCursorOf, cursors, NoQuery, pageQuery } from "../http/query.ts";
import { jsonResponse, resultPageView } from "../http/render.ts";
import type { Uris } from "../http/uris.ts";
import { examples } from "../openapi/examples.ts";
import { jsonResponseOf } from "../openapi/responses.ts";
import type { Requests, Results } from "../ports.ts";
import type { Operation } from "./operation.ts";

export type ResultRoutesParts = {
  operation: Operation;
  ingress: Ingress;
  requests: Pick<Requests, "getRequest" | "getExecution">;
  results: Results;
  uris: Uris;
};

/**
 * Results, of a request and of an execution. results-service knows no requests, so whether there is one is asked only
 * where there are no results: mostly one call is enough.
 */
export function resultRoutes({ operation, ingress, requests, results, uris }: ResultRoutesParts) {
  return new Elysia({ normalize: false, strictPath: true })
    .get(
      "/requests/:request_id/results",
      ({ request, params: { request_id }, query: { limit, cursor } }) =>
        ingress.serve(request, "readResults", async () => {
          const after_attempt = attemptCursorOf(cursor);
          const page = await results.resultsOfRequest({ request_id, limit, after_attempt });
          const last = page.results.at(-1);
          if (!last && (await requests.getRequest({ request_id })).kind === "unknown_request") {
            throw noSuchRequest();
          }
          const isLastPage = !page.more || !last;
          const next = isLastPage
            ? undefined
            : uris.next(uris.requestResults(request_id), limit, cursors.ofAttempt(last.attempt));
          return jsonResponse(200, resultPageView(page.results, next));
        }),
      operation(
        // The original returned all of them: by default a page is as large as pages can be.
        { params: RequestPath, query: pageQuery(limits.pageMax) },
        {
          id: "resultsOfRequest",
          scope: "read",
          tag: "results",
          summary: "List the results of a request, oldest first",
          responses: {
            200: jsonResponseOf("A page of results; empty as long as no execution has ended", "Results", {
              example: examples.results,
            }),
          },
          problems: ["request-not-found"],
        },
      ),
    )
    .get(
      "/requests/:request_id/executions/:execution_id/results",
      ({ request, params }) =>
        ingress.serve(request, "readResults", async () => {
          const found = (await results.resultsOfExecution(params)).results;
          if (found.length === 0) await mustExist(params);
          return jsonResponse(200, resultPageView(found));
        }),
      operation(
        { params: ExecutionPath, query: NoQuery },
        {
          id: "resultsOfExecution",
          scope: "read",
          tag: "results",
          summary: "Read the result of an execution",
          responses: {
            200: jsonResponseOf(
              "A list of one result; empty as long as the execution has not ended",
              "Results",
              {
                example: examples.results,
              },
            ),
          },
          problems: ["request-not-found", "execution-not-found"],
        },
      ),
    );

  async function mustExist(ids: { request_id: string; execution_id: string }): Promise<void> {
    const { kind } = await requests.getExecution(ids);
    if (kind === "unknown_request") throw noSuchRequest();
    if (kind === "unknown_execution") throw noSuchExecution();
  }
}

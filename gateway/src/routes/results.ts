import { limits } from "@sate/contracts";
import { Elysia } from "elysia";
import { ExecutionPath, RequestPath, unknownId } from "../http/path-ids.ts";
import { attemptPageQuery, NoQuery } from "../http/query.ts";
import { pageResponse, resultView } from "../http/render.ts";
import { jsonResponseOf } from "../openapi/responses.ts";
import type { RouteParts } from "./parts.ts";

/**
 * Results of a request and of an execution. results-service knows no requests, so requests-service is asked whether
 * there is one only if there are no results: usually one call is enough.
 */
export function resultRoutes({ operation, ingress, requests, results, uris }: RouteParts) {
  return new Elysia({ normalize: false, strictPath: true })
    .get(
      "/requests/:request_id/results",
      ({ request, params: { request_id }, query: { limit, cursor } }) =>
        ingress.serve(request, "readResults", async () => {
          const after_attempt = Number(cursor ?? 0);
          const page = await results.resultsOfRequest({ request_id, limit, after_attempt });
          if (page.results.length === 0) {
            const { kind } = await requests.getRequest({ request_id });
            if (kind === "unknown_request") throw unknownId(kind);
          }
          const last = page.more ? page.results.at(-1) : undefined;
          const next = uris.next(uris.requestResults(request_id), limit, last?.attempt);
          return pageResponse("results", page.results.map(resultView), next);
        }),
      operation({
        params: RequestPath,
        // The original returns all results: by default a page is as large as pages can be.
        query: attemptPageQuery(limits.pageMax),
        id: "resultsOfRequest",
        scope: "read",
        tag: "results",
        summary: "List the results of a processing request, oldest first",
        responses: {
          200: jsonResponseOf("A page of results. Empty until an execution has ended.", "Results"),
        },
        problems: ["request-not-found"],
      }),
    )
    .get(
      "/requests/:request_id/executions/:execution_id/results",
      ({ request, params }) =>
        ingress.serve(request, "readResults", async () => {
          const found = (await results.resultsOfExecution(params)).results;
          if (found.length === 0) {
            const { kind } = await requests.getExecution(params);
            if (kind !== "found") throw unknownId(kind);
          }
          return pageResponse("results", found.map(resultView));
        }),
      operation({
        params: ExecutionPath,
        query: NoQuery,
        id: "resultsOfExecution",
        scope: "read",
        tag: "results",
        summary: "Get the result of an execution",
        responses: {
          200: jsonResponseOf("A list with the result. Empty until the execution has ended.", "Results"),
        },
        problems: ["request-not-found", "execution-not-found"],
      }),
    );
}

import { limits } from "@sate/contracts";
import { Elysia } from "elysia";
import { attemptPageQuery, ExecutionPath, RequestPath, unknownId } from "../http/parameters.ts";
import { Refusal } from "../http/problem-response.ts";
import { pageResponse, resultView } from "../http/render.ts";
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
          const last = page.results.at(-1);
          if (last === undefined) {
            const { kind } = await requests.getRequest({ request_id });
            if (kind !== "found") throw unknownId(kind);
          }
          const next = uris.next(uris.requestResults(request_id), limit, page.more, last?.attempt);
          return pageResponse("results", page.results.map(resultView), next);
        }),
      operation("results", {
        params: RequestPath,
        // The original returns all results: by default a page is as large as pages can be.
        query: attemptPageQuery(limits.pageMax),
        id: "resultsOfRequest",
        scope: "read",
        summary: "List the results of a processing request, oldest first",
        responses: { 200: ["A page of results. Empty until an execution has ended.", "Results"] },
      }),
    )
    .get(
      "/requests/:request_id/executions/:execution_id/results",
      ({ request, params }) =>
        ingress.serve(request, "readResults", async () => {
          const found = (await results.resultsOfExecution(params)).results;
          if (found.length === 0) {
            const execution = await requests.getExecution(params);
            if (execution.kind !== "found") throw unknownId(execution.kind);
            if (execution.execution.removed_at !== undefined) throw isRemoved();
          }
          return pageResponse("results", found.map(resultView));
        }),
      operation("results", {
        params: ExecutionPath,
        id: "resultsOfExecution",
        scope: "read",
        summary: "Get the result of an execution",
        responses: { 200: ["A list with the result. Empty until the execution has ended.", "Results"] },
        problems: ["result-removed"],
      }),
    );
}

function isRemoved(): Refusal {
  return new Refusal(
    "result-removed",
    "The execution has ended. Its result was removed because the server keeps results only for a limited time.",
  );
}

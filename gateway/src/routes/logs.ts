import { Elysia } from "elysia";
import { ExecutionPath, logQuery } from "../http/parameters.ts";
import { logResponse } from "../logs/read-log.ts";
import type { RouteParts } from "./parts.ts";

/** The log of an execution. */
export function logRoutes({ operation, ingress, requests, uris }: RouteParts) {
  return new Elysia({ normalize: false, strictPath: true }).get(
    "/requests/:request_id/executions/:execution_id/log",
    ({ request, params, query }) =>
      ingress.serve(request, "readRequests", () => logResponse({ requests, uris }, { ...params, ...query })),
    operation("executions", {
      params: ExecutionPath,
      query: logQuery,
      id: "getLog",
      scope: "read",
      summary: "Get the log of an execution",
      description:
        'The log that the runs of the execution wrote, oldest first. Logs are kept for LOG_DAYS. Control characters other than line feed and tab are escaped, for example as \\x1b. A line `--- run 2 ---` begins the log of each run but the first. Empty if nothing was written. If there are more pages, the Link header has the URI of the next page, with rel="next".',
      responses: {
        200: {
          description: "A page of the log.",
          headers: {
            Link: { description: "The URI of the next page, if there is one.", schema: { type: "string" } },
          },
          content: { "text/plain": { schema: { type: "string" } } },
        },
      },
    }),
  );
}

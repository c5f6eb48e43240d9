import { Elysia } from "elysia";
import { NoBody, RequestPath, unknownId } from "../http/parameters.ts";
import { Refusal } from "../http/problem-response.ts";
import type { Uris } from "../http/uris.ts";
import type { RouteParts } from "./parts.ts";

/** When a client may check whether a removal is complete. */
const retryAfterSeconds = "10";

/** The removal of a request. */
export function removalRoutes({ operation, ingress, requests, uris }: RouteParts) {
  return new Elysia({ normalize: false, strictPath: true }).delete(
    "/requests/:request_id",
    ({ request, params }) =>
      ingress.serve(request, "readRequests", async () => {
        const answer = await requests.removeRequest(params);
        if (answer.kind === "unknown_request") throw unknownId(answer.kind);
        if (answer.kind === "active") throw isActive(uris, params.request_id, answer.execution_id);
        if (answer.kind === "removing") throw isRemoving();
        return new Response(null, { status: 204 });
      }),
    operation("requests", {
      params: RequestPath,
      body: NoBody,
      id: "removeRequest",
      scope: "admin",
      summary: "Remove a processing request",
      description:
        "Removes the request for good: its payload and labels, and the results, outputs, errors, logs and dead letters of its executions. Only ids and statuses are kept, so that nothing can bring it back. Afterwards, reading it, its executions, results or logs returns 410, and so does executing it. Safe to repeat. After a response of 503 the removal may have begun; it is then completed in the background. The topics of the broker keep their records for TOPIC_RETENTION_HOURS.",
      responses: { 204: { description: "The request and everything that belongs to it were removed." } },
      problems: ["execution-active"],
    }),
  );
}

function isActive(uris: Uris, requestId: string, executionId: string): Refusal {
  return new Refusal(
    "execution-active",
    "An execution of this processing request is queued or running, so nothing was removed. Cancel it, or follow `execution_uri` until it has ended.",
    { execution_uri: uris.execution(requestId, executionId) },
  );
}

function isRemoving(): Refusal {
  return new Refusal(
    "unavailable",
    "The removal has begun and will be completed in the background: a part of the system does not respond, or a result is not recorded yet. The request can no longer be executed. Repeat the call to learn when everything is removed.",
    {},
    { "retry-after": retryAfterSeconds },
  );
}

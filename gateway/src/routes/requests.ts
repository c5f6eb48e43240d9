import { Elysia } from "elysia";
import { RequestPath, requestPageQuery, unknownId } from "../http/parameters.ts";
import { jsonResponse, pageResponse, requestView } from "../http/render.ts";
import type { RouteParts } from "./parts.ts";

/** Processing requests: list, read. creating.ts creates them. */
export function requestRoutes({ operation, ingress, requests, uris }: RouteParts) {
  return new Elysia({ normalize: false, strictPath: true })
    .get(
      "/requests",
      ({ request, query: { limit, cursor } }) =>
        ingress.serve(request, "readRequests", async () => {
          const page = await requests.listRequests({ limit, ...(cursor && { before: cursor }) });
          const next = uris.next(uris.requests(), limit, page.more, page.requests.at(-1)?.id);
          return pageResponse(
            "requests",
            page.requests.map((one) => requestView(one)),
            next,
          );
        }),
      operation("requests", {
        query: requestPageQuery,
        id: "listRequests",
        scope: "read",
        summary: "List processing requests, newest first",
        responses: { 200: ["A page of processing requests.", "RequestPage"] },
      }),
    )
    .get(
      "/requests/:request_id",
      ({ request, params }) =>
        ingress.serve(request, "readRequests", async () => {
          const found = await requests.getRequest(params);
          if (found.kind === "unknown_request") throw unknownId(found.kind);
          return jsonResponse(200, requestView(found.request));
        }),
      operation("requests", {
        params: RequestPath,
        id: "getRequest",
        scope: "read",
        summary: "Get a processing request",
        responses: { 200: ["The processing request.", "StoredRequest"] },
      }),
    );
}

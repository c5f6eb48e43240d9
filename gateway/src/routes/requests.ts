import { Elysia } from "elysia";
import { RequestPath, unknownId } from "../http/parameters.ts";
import { jsonResponse, requestView } from "../http/render.ts";
import type { RouteParts } from "./parts.ts";

/** Reading a processing request. creating.ts creates them, finding.ts lists them. */
export function requestRoutes({ operation, ingress, requests }: RouteParts) {
  return new Elysia({ normalize: false, strictPath: true }).get(
    "/requests/:request_id",
    ({ request, params }) =>
      ingress.serve(request, "readRequests", async () => {
        const found = await requests.getRequest(params);
        if (found.kind !== "found") throw unknownId(found.kind);
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

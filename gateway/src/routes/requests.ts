import { CreateRequest, type JsonText } from "@sate/contracts";
import { Elysia } from "elysia";
import { RequestPath, requestPageQuery, unknownId } from "../http/parameters.ts";
import { jsonResponse, pageResponse, requestView } from "../http/render.ts";
import type { RouteParts } from "./parts.ts";

/** Processing requests: create, list, read. */
export function requestRoutes(parts: RouteParts) {
  const { operation, ingress, requests, createRequest, checkRequest, counters, newId, uris } = parts;
  return new Elysia({ normalize: false, strictPath: true })
    .post(
      "/requests",
      ({ request, body: { payload, processor } }) =>
        ingress.serve(request, "create", async () => {
          if (processor !== undefined) await checkRequest(processor, payload as JsonText);
          const created = {
            id: newId(),
            payload_json: payload as JsonText,
            ...(processor !== undefined && { processor }),
          };
          // The id is new, so no other request can have it.
          if ((await createRequest(created)).kind === "conflict") throw new Error("a new id is taken");
          counters.add("requests_created");
          return jsonResponse(201, requestView(created), { location: uris.request(created.id) });
        }),
      operation("requests", {
        body: CreateRequest,
        id: "createRequest",
        scope: "submit",
        summary: "Create a processing request",
        description:
          "Stores the request durably. The payload may be any JSON value and is returned byte for byte. If the request names a processor with an input schema, the payload must match it.",
        responses: {
          201: ["The request was stored durably.", "ProcessingRequest", "The URI of the request."],
        },
        problems: ["unknown-processor", "invalid-payload"],
      }),
    )
    .get(
      "/requests",
      ({ request, query: { limit, cursor } }) =>
        ingress.serve(request, "readRequests", async () => {
          const page = await requests.listRequests({ limit, ...(cursor && { before: cursor }) });
          const next = uris.next(uris.requests(), limit, page.more, page.requests.at(-1)?.id);
          return pageResponse("requests", page.requests.map(requestView), next);
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

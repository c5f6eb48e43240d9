import { CreateRequest, type JsonText, limits, type RequestRecord } from "@sate/contracts";
import { Elysia } from "elysia";
import type { Batches } from "../capacity/create-batches.ts";
import type { Ingress } from "../capacity/ingress.ts";
import { noSuchRequest, RequestPath } from "../http/path-ids.ts";
import { cursors, NoQuery, pageQuery, requestCursorOf } from "../http/query.ts";
import { jsonResponse, requestPageView, requestView, storedRequestView } from "../http/render.ts";
import type { Uris } from "../http/uris.ts";
import { examples } from "../openapi/examples.ts";
import { jsonResponseOf } from "../openapi/responses.ts";
import type { Requests } from "../ports.ts";
import type { Counters } from "../runtime/metrics.ts";
import type { Operation } from "./operation.ts";

export type RequestRoutesParts = {
  operation: Operation;
  ingress: Ingress;
  requests: Pick<Requests, "getRequest" | "listRequests">;
  createRequest: Batches["createRequest"];
  counters: Counters;
  newId: () => string;
  uris: Uris;
};

/** Processing requests: created, read, listed. */
export function requestRoutes(parts: RequestRoutesParts) {
  const { operation, ingress, requests, createRequest, counters, newId, uris } = parts;
  return new Elysia({ normalize: false, strictPath: true })
    .post(
      "/requests",
      ({ request, body }) =>
        ingress.serve(request, "create", async () => {
          const { payload, processor } = body;
          const created = {
            id: newId(),
            payload_json: payload as JsonText,
            ...(processor !== undefined && { processor }),
          };
          const { kind } = await createRequest(created);
          // Ids are ours and new: no other request can have one.
          if (kind === "conflict") throw new Error("a new id is taken");
          counters.add("requests_created");
          const location = uris.request(created.id);
          return jsonResponse(201, requestView(created), { location });
        }),
      operation(
        { query: NoQuery, body: CreateRequest },
        {
          id: "createRequest",
          scope: "submit",
          tag: "requests",
          summary: "Store a processing request",
          description: "The payload may be any JSON value, and comes back byte for byte.",
          responses: {
            201: jsonResponseOf("The request is stored durably", "ProcessingRequest", {
              example: examples.request,
              location: "Address of the request",
            }),
          },
        },
      ),
    )
    .get(
      "/requests",
      ({ request, query: { limit, cursor } }) =>
        ingress.serve(request, "readRequests", async () => {
          const before = requestCursorOf(cursor);
          const page = await requests.listRequests({ limit, ...(before !== undefined && { before }) });
          return jsonResponse(200, requestPageView(page.requests, nextPage(page, limit)));
        }),
      operation(
        { query: pageQuery(limits.pageDefault) },
        {
          id: "listRequests",
          scope: "read",
          tag: "requests",
          summary: "List processing requests, newest first",
          responses: { 200: jsonResponseOf("A page of requests", "RequestPage") },
        },
      ),
    )
    .get(
      "/requests/:request_id",
      ({ request, params }) =>
        ingress.serve(request, "readRequests", async () => {
          const found = await requests.getRequest(params);
          if (found.kind === "unknown_request") throw noSuchRequest();
          return jsonResponse(200, storedRequestView(found.request));
        }),
      operation(
        { params: RequestPath, query: NoQuery },
        {
          id: "getRequest",
          scope: "read",
          tag: "requests",
          summary: "Read a processing request",
          responses: { 200: jsonResponseOf("The processing request", "StoredRequest") },
          problems: ["request-not-found"],
        },
      ),
    );

  function nextPage(page: { requests: RequestRecord[]; more: boolean }, limit: number): string | undefined {
    const last = page.requests.at(-1);
    return page.more && last ? uris.next(uris.requests(), limit, cursors.ofRequest(last.id)) : undefined;
  }
}

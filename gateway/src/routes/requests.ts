import { limits, type RequestRecord } from "@sate/contracts";
import { Elysia } from "elysia";
import type { Batches } from "../batches.ts";
import type { Counters } from "../counters.ts";
import type { Door } from "../door.ts";
import { readNewRequest } from "../envelope.ts";
import { nextUri, requestUri } from "../links.ts";
import { operations } from "../openapi.ts";
import { noSuchRequest, requestIdOf } from "../path-ids.ts";
import type { Requests } from "../ports.ts";
import { cursors, limitOf, pageParameters, requestCursorOf } from "../query.ts";
import { jsonAnswer, requestPageView, requestView, storedRequestView } from "../views.ts";

export type RequestRoutesParts = {
  door: Door;
  requests: Pick<Requests, "getRequest" | "listRequests">;
  createRequest: Batches["createRequest"];
  counters: Counters;
  newId: () => string;
};

/** Processing requests: made, read, listed. */
export function requestRoutes({ door, requests, createRequest, counters, newId }: RequestRoutesParts) {
  return new Elysia({ strictPath: true })
    .post(
      "/requests",
      ({ request, server }) =>
        door.pass({ request, server }, { hasBody: true }, async ({ body }) => {
          const created = await createRequest({ id: newId(), ...readNewRequest(body) });
          // Ids are ours and new: nobody else can have taken one.
          if (created.kind === "conflict") throw new Error("a new id is taken");
          counters.add("requests_created");
          return jsonAnswer(201, requestView(created.request), { location: requestUri(created.request.id) });
        }),
      { parse: "none", detail: operations.createRequest },
    )
    .get(
      "/requests",
      ({ request, server }) =>
        door.pass({ request, server }, { parameters: pageParameters }, async ({ query }) => {
          const limit = limitOf(query, limits.pageDefault);
          const before = requestCursorOf(query);
          const page = await requests.listRequests({ limit, ...(before !== undefined && { before }) });
          return jsonAnswer(200, requestPageView(page.requests, nextPage(page, limit)));
        }),
      { detail: operations.listRequests },
    )
    .get(
      "/requests/:request_id",
      ({ request, server, params }) => {
        const request_id = requestIdOf(params.request_id);
        return door.pass({ request, server }, {}, async () => {
          const found = await requests.getRequest({ request_id });
          if (found.kind === "unknown_request") throw noSuchRequest();
          return jsonAnswer(200, storedRequestView(found.request));
        });
      },
      { detail: operations.getRequest },
    );
}

function nextPage(page: { requests: RequestRecord[]; more: boolean }, limit: number): string | undefined {
  const last = page.requests.at(-1);
  return page.more && last ? nextUri("/requests", limit, cursors.ofRequest(last.id)) : undefined;
}

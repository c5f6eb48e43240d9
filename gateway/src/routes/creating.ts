import { CreateRequest, CreateRequests, jsonObject, limits } from "@sate/contracts";
import { Elysia } from "elysia";
import { failedOf } from "../http/failed.ts";
import { replayed } from "../http/idempotency-key.ts";
import { executionStateView, jsonResponse, requestView } from "../http/render.ts";
import { idempotencyKey, preferWait } from "../openapi/headers.ts";
import { createCreateBatch } from "../requests/create-batch.ts";
import type { RouteParts } from "./parts.ts";

/** A request of a batch may be nested as deeply as the body of a single one. */
const batchNestingMax = limits.nestingMax + 2;

/** The creation of processing requests, one or many. */
export function creatingRoutes(parts: RouteParts) {
  return new Elysia({ normalize: false, strictPath: true }).use(createOne(parts)).use(createMany(parts));
}

function createOne(parts: RouteParts) {
  const { operation, ingress, idempotencyKeys, createOneRequest, waitForEnd, uris } = parts;
  return new Elysia({ normalize: false, strictPath: true }).post(
    "/requests",
    async ({ request, server, body }) => {
      const created = await ingress.serve(request, "create", async () => {
        const key = idempotencyKeys(request, ["POST /requests"], body);
        return createOneRequest(body, { headers: request.headers, key });
      });
      const { execution, isReplay } = created;
      const headers = { location: uris.request(created.request.id), ...replayed(isReplay) };
      if (!execution) return jsonResponse(201, requestView(created.request), headers);
      const waited = await waitForEnd({ request, server, found: { execution, request: created.request } });
      const { result } = waited ?? {};
      const state = executionStateView(uris, waited?.execution ?? execution, undefined, result);
      return jsonResponse(201, requestView(created.request, state), { ...headers, ...waited?.headers });
    },
    operation("requests", {
      body: CreateRequest,
      id: "createRequest",
      scope: "submit",
      summary: "Create a processing request",
      description:
        "Stores the request durably. The payload may be any JSON value and is returned byte for byte. If the request " +
        "names a processor with an input schema, the payload must match it. With `execute`, the request is executed at " +
        "once: it and its first execution are accepted together, and the response contains both; with `Prefer: wait=N` " +
        "it contains the result, too. An Idempotency-Key is kept for 7 days.",
      headers: { ...preferWait, ...idempotencyKey },
      responses: {
        201: ["The request was stored durably.", "CreatedRequest", "The URI of the request."],
      },
      problems: ["unknown-processor", "invalid-payload", "idempotency-key-reused", "request-removed"],
    }),
  );
}

function createMany(parts: RouteParts) {
  const { operation, ingress } = parts;
  const createBatch = createCreateBatch(parts);
  return new Elysia({ normalize: false, strictPath: true }).post(
    "/requests/batch",
    ({ request, body, set }) =>
      ingress.serve(request, "createBatch", async () => {
        const failed = failedOf(request, set.headers);
        const { results, areReplays } = await createBatch(request, body, failed);
        return jsonResponse(200, jsonObject({ results: `[${results.join(",")}]` }), replayed(areReplays));
      }),
    operation("requests", {
      body: CreateRequests,
      nestingMax: batchNestingMax,
      id: "createRequests",
      scope: "submit",
      summary: "Create many processing requests",
      description:
        `Creates up to ${limits.batchRequestsMax} requests, each on its own: \`results\` has, in the same order, the id ` +
        "of each, or the problem for which it was not created. A body that does not match the schema creates nothing. " +
        "The size limit applies to the whole body. An Idempotency-Key covers each request under its place in the batch, " +
        "and is kept for 7 days.",
      headers: idempotencyKey,
      responses: { 200: ["The result of each request.", "CreatedRequests"] },
    }),
  );
}

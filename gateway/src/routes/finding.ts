import { CancelExecutions, problem } from "@sate/contracts";
import { Elysia } from "elysia";
import { bulkOf } from "../http/bulk.ts";
import {
  executionFilterOf,
  executionListQuery,
  filterOf,
  requestFilterOf,
  requestListQuery,
} from "../http/filters.ts";
import { executionStateView, jsonResponse, pageResponse, requestView } from "../http/render.ts";
import type { RouteParts } from "./parts.ts";

const paging =
  "One page examines at most 1,000 entries, so with a filter it may have fewer entries than `limit`, even none, and " +
  "still have a `next_uri`: follow it until there is none. The link keeps the filter.";

/** Lists of requests and of the executions of all requests, by filters, and cancelling what a filter matches. */
export function findingRoutes(parts: RouteParts) {
  return new Elysia({ normalize: false, strictPath: true }).use(lists(parts)).use(bulkCancel(parts));
}

function lists({ operation, ingress, requests, uris }: RouteParts) {
  return new Elysia({ normalize: false, strictPath: true })
    .get(
      "/requests",
      ({ request, query }) =>
        ingress.serve(request, "readRequests", async () => {
          const page = { limit: query.limit, ...(query.cursor && { before: query.cursor }) };
          const found = await requests.listRequests({ ...page, filter: requestFilterOf(query) });
          const next = uris.nextOf(uris.requests(), query, found.next);
          return pageResponse(
            "requests",
            found.requests.map((one) => requestView(one)),
            next,
          );
        }),
      operation("requests", {
        query: requestListQuery,
        id: "listRequests",
        scope: "read",
        summary: "List processing requests, newest first",
        description: `A request is listed if it matches all parameters. ${paging}`,
        responses: { 200: ["A page of processing requests.", "RequestPage"] },
      }),
    )
    .get(
      "/executions",
      ({ request, query }) =>
        ingress.serve(request, "readRequests", async () => {
          const page = { limit: query.limit, ...(query.cursor && { before: query.cursor }) };
          const found = await requests.findExecutions({ ...page, filter: executionFilterOf(query) });
          const entries = found.executions.map((execution) => executionStateView(uris, execution));
          return pageResponse("executions", entries, uris.nextOf(uris.allExecutions(), query, found.next));
        }),
      operation("executions", {
        query: executionListQuery,
        id: "findExecutions",
        scope: "read",
        summary: "List the executions of all processing requests, newest first",
        description:
          `An execution is listed if it matches all parameters. Payloads are left out. ${paging} An execution whose ` +
          "status changes between two pages is listed once or not at all.",
        responses: { 200: ["A page of executions.", "ExecutionPage"] },
      }),
    );
}

function bulkCancel({ operation, ingress, requests, uris }: RouteParts) {
  return new Elysia({ normalize: false, strictPath: true }).post(
    "/executions/cancel",
    ({ request, body }) =>
      ingress.serve(request, "readRequests", async () => {
        const { limit, dry_run, cursor, ...range } = bulkOf(body);
        const { status } = body.filter;
        const filter = { ...filterOf(body.filter), ...range, ...(status && { statuses: [status] }) };
        const page = { limit, dry_run, ...(cursor && { before: cursor }) };
        const { matched, cancelled, ended, next } = await requests.cancelMatching({ ...page, filter });
        const skipped = ended.map(({ request_id, execution_id: id }) => ({
          ...{ id, request_id },
          problem: problem("execution-ended", hasEnded, {
            results_uri: uris.executionResults(request_id, id),
            execution_uri: uris.execution(request_id, id),
          }),
        }));
        return jsonResponse(200, JSON.stringify({ matched, cancelled, skipped, next }));
      }),
    operation("executions", {
      body: CancelExecutions,
      id: "cancelExecutions",
      scope: "admin",
      summary: "Cancel the executions that match a filter",
      description:
        "Cancels queued and running executions, newest first, at most `limit` per call. The filter must state `since`, " +
        "or `all: true`. With `dry_run` nothing is changed. If the response has `next`, repeat the call with it as " +
        "`cursor`. A queued execution is cancelled at once, a running one after its worker's next heartbeat. Safe to repeat.",
      responses: { 200: ["What was cancelled, and what had already ended.", "CancelledExecutions"] },
    }),
  );
}

const hasEnded =
  "The execution has ended in the meantime, so it can no longer be cancelled. Read its result at `results_uri`.";

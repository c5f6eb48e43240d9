import { Type } from "@sinclair/typebox";
import { Elysia } from "elysia";
import { ExecutionPath, unknownId } from "../http/parameters.ts";
import { ended, placeOf } from "../watch/event.ts";
import { isFinal } from "../watch/watch.ts";
import type { RouteParts } from "./parts.ts";

/** A client that reads nothing for this long is disconnected. A comment is sent more often. Bun counts in steps of 4 s. */
const stallSeconds = 20;

/** One event. Before OpenAPI 3.2 the schema of a stream is that of its events. */
const event = {
  type: "object",
  description: "An event of the stream. Its data is JSON.",
  required: ["id", "event", "data"],
  properties: {
    id: { type: "string", description: "The position in the stream, for `Last-Event-ID`." },
    event: { type: "string", enum: ["status", "progress", "log", "result"] },
    data: { type: "string", contentMediaType: "application/json" },
  },
};

/** The event stream of an execution. https://html.spec.whatwg.org/multipage/server-sent-events.html */
export function eventRoutes({ operation, ingress, access, requests, openStream }: RouteParts) {
  return new Elysia({ normalize: false, strictPath: true }).get(
    "/requests/:request_id/executions/:execution_id/events",
    async ({ request, server, params }) => {
      const found = await ingress.serve(request, "readRequests", () => requests.getExecution(params));
      if (found.kind !== "found") throw unknownId(found.kind);
      const { execution } = found;
      const from = placeOf(request.headers.get("last-event-id"));
      const isAtEnd = from?.state === ended;
      // Only this keeps a browser from connecting again.
      if (isAtEnd && isFinal(execution.status)) return new Response(null, { status: 204 });
      server?.timeout(request, stallSeconds);
      const isHead = request.method === "HEAD";
      const stream = isHead
        ? null
        : openStream({ request, key: access.keyOf(request), execution, from: isAtEnd ? null : from });
      return new Response(stream, {
        headers: { "content-type": "text/event-stream", "x-accel-buffering": "no" },
      });
    },
    operation("executions", {
      params: ExecutionPath,
      id: "getEvents",
      scope: "read",
      summary: "Stream the events of an execution",
      description:
        "Server-sent events: `status` with the execution as it is now, and again whenever its status changes; `progress`; `log` with the number of a `run` and a `text`; at the end `result`, once every client can read it; if the result was removed, the last event is the `status` with `removed_at`. Then the server closes the connection. Statuses that last only a moment may be left out. To continue after a lost connection, send the id of the last event in `Last-Event-ID`, as EventSource does: no event is repeated, and after the last one the response is 204. The browser's EventSource cannot send an API key; use fetch if the server requires one.",
      headers: {
        "Last-Event-ID": Type.String({
          description: "The id of the last event that the client has received.",
        }),
      },
      responses: {
        200: {
          description: "The event stream.",
          content: { "text/event-stream": { schema: event } },
        },
        204: { description: "The client has received the last event." },
      },
      problems: ["too-many-streams"],
    }),
  );
}

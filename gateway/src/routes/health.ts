import { toJson } from "@sate/contracts";
import { Elysia } from "elysia";
import type { Access } from "../access/authorize.ts";
import { jsonResponse } from "../http/render.ts";
import { jsonResponseOf, textResponseOf } from "../openapi/responses.ts";
import { type Counters, metricsResponse } from "../runtime/metrics.ts";
import type { Operation } from "./operation.ts";

export type HealthRoutesParts = {
  operation: Operation;
  access: Pick<Access, "isTrusted">;
  /** Why the service is not ready, a sentence each. */
  notReadyReasons: () => Promise<string[]>;
  counters: Counters;
};

/** `/live`: the process is alive. `/ready`: the verdict for everybody, the reasons for operators. `/metrics`: counters. */
export function healthRoutes({ operation, access, notReadyReasons, counters }: HealthRoutesParts) {
  return new Elysia({ normalize: false, strictPath: true })
    .get(
      "/live",
      () => jsonResponse(200, toJson({ live: true })),
      operation(
        {},
        {
          id: "live",
          scope: "none",
          tag: "system",
          summary: "Whether the process is alive",
          responses: { 200: jsonResponseOf("The process is alive", "Live") },
        },
      ),
    )
    .get(
      "/ready",
      async ({ request }) => {
        const reasons = await notReadyReasons();
        const ready = reasons.length === 0;
        const body = access.isTrusted(request) ? { ready, reasons } : { ready };
        return jsonResponse(ready ? 200 : 503, toJson(body));
      },
      operation(
        {},
        {
          id: "ready",
          scope: "none",
          tag: "system",
          summary: "Whether requests can be served",
          description: "Where API keys are required, the reasons are only for requests with a key.",
          responses: {
            200: jsonResponseOf("The service is ready", "Ready"),
            503: jsonResponseOf("The service is not ready", "Ready"),
          },
        },
      ),
    )
    .get(
      "/metrics",
      () => metricsResponse(counters),
      operation(
        {},
        {
          id: "metrics",
          scope: "admin",
          tag: "system",
          summary: "Counters for Prometheus",
          responses: { 200: textResponseOf("Text exposition format 0.0.4", "text/plain") },
        },
      ),
    );
}

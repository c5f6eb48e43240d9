import { toJson } from "@sate/contracts";
import { metricsResponse } from "@sate/contracts/runtime";
import { Elysia } from "elysia";
import { jsonResponse } from "../http/render.ts";
import type { RouteParts } from "./parts.ts";

/** Liveness, readiness and counters. The verdict of `/ready` is public; its reasons are for operators. */
export function healthRoutes({ operation, access, notReadyReasons, counters }: RouteParts) {
  return new Elysia({ normalize: false, strictPath: true })
    .get(
      "/live",
      () => jsonResponse(200, toJson({ live: true })),
      operation("system", {
        id: "live",
        scope: "none",
        summary: "Check whether the process is alive",
        responses: { 200: ["The process is alive.", "Live"] },
      }),
    )
    .get(
      "/ready",
      async ({ request }) => {
        const reasons = await notReadyReasons();
        const ready = reasons.length === 0;
        const body = access.isTrusted(request) ? { ready, reasons } : { ready };
        return jsonResponse(ready ? 200 : 503, toJson(body));
      },
      operation("system", {
        id: "ready",
        scope: "none",
        summary: "Check whether the server can handle requests",
        description: "If the server requires API keys, only requests with one see the reasons.",
        responses: { 200: ["The server is ready.", "Ready"], 503: ["The server is not ready.", "Ready"] },
      }),
    )
    .get(
      "/metrics",
      () => metricsResponse(counters),
      operation("system", {
        id: "metrics",
        scope: "admin",
        summary: "Get counters for Prometheus",
        responses: {
          200: {
            description: "Prometheus text exposition format 0.0.4.",
            content: { "text/plain": { schema: { type: "string" } } },
          },
        },
      }),
    );
}

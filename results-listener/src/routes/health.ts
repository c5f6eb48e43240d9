import { Elysia } from "elysia";
import { type Counters, metricsText } from "../counters.ts";

/** `/live`: the process answers. `/ready`: it has no complaint. `/metrics`: its counters. */
export function healthRoutes({ complaints, counters }: { complaints: () => string[]; counters: Counters }) {
  return new Elysia()
    .get("/live", () => ({ live: true }))
    .get("/ready", ({ status }) => {
      const reasons = complaints();
      return status(reasons.length === 0 ? 200 : 503, { ready: reasons.length === 0, reasons });
    })
    .get("/metrics", () => new Response(metricsText(counters.read()), { headers: metricsHeaders }));
}

const metricsHeaders = { "content-type": "text/plain; version=0.0.4" };

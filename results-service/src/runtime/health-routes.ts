import { Elysia } from "elysia";

/**
 * `/live`: the process responds. `/ready`: it can do its work. Orchestrators and load balancers may ask both
 * without credentials; why it is not ready is for those who may know.
 */
export function healthRoutes(parts: {
  notReadyReasons: () => Promise<string[]>;
  mayKnow: (request: Request) => boolean;
}) {
  return new Elysia()
    .get("/live", () => ({ live: true }))
    .get("/ready", async ({ request, status }) => {
      const reasons = await parts.notReadyReasons();
      const ready = reasons.length === 0;
      return status(ready ? 200 : 503, parts.mayKnow(request) ? { ready, reasons } : { ready });
    });
}

import { Elysia } from "elysia";
import { NoBody, ProcessorPath, unknownId } from "../http/parameters.ts";
import { Refusal } from "../http/problem-response.ts";
import { jsonResponse, pageResponse, processorView } from "../http/render.ts";
import type { RouteParts } from "./parts.ts";

/** Processors: list, read, withdraw. Workers announce them. */
export function processorRoutes({ operation, ingress, requests }: RouteParts) {
  return new Elysia({ normalize: false, strictPath: true })
    .get(
      "/processors",
      ({ request }) =>
        ingress.serve(request, "readRequests", async () => {
          const { processors } = await requests.listProcessors({});
          return pageResponse("processors", processors.map(processorView));
        }),
      operation("processors", {
        id: "listProcessors",
        scope: "read",
        summary: "List the processors that requests may name",
        responses: { 200: ["All processors, by name.", "ProcessorList"] },
      }),
    )
    .get(
      "/processors/:name",
      ({ request, params }) =>
        ingress.serve(request, "readRequests", async () => {
          const found = await requests.getProcessor(params);
          if (found.kind !== "found") throw unknownId(found.kind);
          return jsonResponse(200, processorView(found.processor));
        }),
      operation("processors", {
        params: ProcessorPath,
        id: "getProcessor",
        scope: "read",
        summary: "Get a processor, its limits and the workers that serve it",
        description:
          "A processor remains known when it has no live workers; its executions wait until a worker serves it again.",
        responses: { 200: ["The processor.", "PublicProcessor"] },
      }),
    )
    .delete(
      "/processors/:name",
      ({ request, params }) =>
        ingress.serve(request, "readRequests", async () => {
          const { kind } = await requests.withdrawProcessor(params);
          if (kind === "unknown_processor") throw unknownId(kind);
          if (kind === "served") throw isServed();
          return new Response(null, { status: 204 });
        }),
      operation("processors", {
        params: ProcessorPath,
        body: NoBody,
        id: "withdrawProcessor",
        scope: "admin",
        summary: "Withdraw a processor",
        description:
          "From then on, the name is unknown and queued executions of the processor fail, until a worker announces it again. Stop its workers first.",
        responses: { 204: { description: "The processor was withdrawn." } },
        problems: ["processor-served"],
      }),
    );
}

function isServed(): Refusal {
  return new Refusal(
    "processor-served",
    "A live worker serves this processor, or it is the built-in simulation, which cannot be withdrawn. Stop its workers and wait until their leases have expired.",
  );
}

import type { RequestsApi } from "@sate/contracts";
import type { Ports, Processors } from "../ports.ts";
import { createRequestsCommand } from "./create.ts";
import type { Starts } from "./starts.ts";

/** Storing and reading processing requests. */
export function requestCommands(ports: Ports, starts: Starts, processors: Processors) {
  const { store } = ports;
  return {
    createRequests: createRequestsCommand(ports, starts, processors),

    async getRequest({ request_id }) {
      const request = (await store.requests.get([request_id])).get(request_id);
      return request ? { kind: "found", request } : { kind: "unknown_request" };
    },
  } satisfies Partial<RequestsApi>;
}

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
      const request = (await store.requests.current([request_id])).get(request_id);
      if (!request) return { kind: "unknown_request" };
      return request.removed_at === undefined ? { kind: "found", request } : { kind: "removed" };
    },
  } satisfies Partial<RequestsApi>;
}

import { formatTimestamp, limits, type RequestsApi } from "@sate/contracts";
import type { StoredRequest } from "./execution.ts";
import type { Clock, Store } from "./ports.ts";
import { requestOnWire } from "./wire.ts";

/** Storing and reading processing requests. */
export function requestCommands(
  store: Pick<Store, "requests">,
  clock: Clock,
): Pick<RequestsApi, "createRequests" | "getRequest" | "listRequests"> {
  return {
    async createRequests({ requests }) {
      const creationDate = formatTimestamp(clock());
      const wanted = requests.map(({ id, payload_json, processor }): StoredRequest => {
        return { id, payloadJson: payload_json, processor, creationDate };
      });
      const stored = await store.requests.insert(wanted);
      const answers = stored.map((request, index) => {
        const { payloadJson, processor } = wanted[index] as StoredRequest;
        const isTheSame = request.payloadJson === payloadJson && request.processor === processor;
        return isTheSame
          ? { kind: "created" as const, request: requestOnWire(request) }
          : { kind: "conflict" as const };
      });
      return { answers };
    },

    async getRequest({ request_id }) {
      const request = (await store.requests.get([request_id])).get(request_id);
      return request ? { kind: "found", request: requestOnWire(request) } : { kind: "unknown_request" };
    },

    async listRequests({ limit, before }) {
      const { found, isCut } = await store.requests.list({ limit, bytesMax: limits.pageBytesMax, before });
      return { requests: [...found.values()].map(requestOnWire), more: isCut };
    },
  };
}

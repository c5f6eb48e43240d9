import { formatTimestamp, limits, type RequestRecord, type RequestsApi } from "@sate/contracts";
import type { Ports } from "../ports.ts";

/** Storing and reading processing requests. */
export function requestCommands({ store, clock }: Ports) {
  return {
    async createRequests({ requests }) {
      const creation_date = formatTimestamp(clock());
      // Field by field: bodies are open, and unknown fields are not stored.
      const wanted = requests.map(({ id, payload_json, processor }): RequestRecord => {
        return { id, payload_json, ...(processor !== undefined && { processor }), creation_date };
      });
      const stored = await store.requests.insert(wanted);
      const answers = stored.map(({ payload_json, processor }, index) => {
        const isSame = payload_json === wanted[index]?.payload_json && processor === wanted[index]?.processor;
        return { kind: isSame ? ("created" as const) : ("conflict" as const) };
      });
      return { answers };
    },

    async getRequest({ request_id }) {
      const request = (await store.requests.get([request_id])).get(request_id);
      return request ? { kind: "found", request } : { kind: "unknown_request" };
    },

    async listRequests({ limit, before }) {
      const { found, isCut } = await store.requests.list({ limit, bytesMax: limits.pageBytesMax, before });
      return { requests: [...found.values()], more: isCut };
    },
  } satisfies Partial<RequestsApi>;
}

import { isUnavailable, type RequestsApi, Unavailable } from "@sate/contracts";
import { errorFields, failpoint } from "@sate/contracts/runtime";
import type { Ports } from "../ports.ts";
import type { AdmitRemovals } from "./admit.ts";
import type { CompleteRemovals } from "./complete.ts";
import { decideRemoval } from "./decide.ts";

/** In each round one contender for the next attempt wins. Losing this many rounds in a row does not happen. */
const roundsMax = 20;

/** Removing a request at once. */
export function removalCommands(
  { store, log }: Pick<Ports, "store" | "log">,
  admit: AdmitRemovals,
  complete: CompleteRemovals,
) {
  async function completeOne(request_id: string, attempt: number): Promise<"removed" | "removing"> {
    try {
      const [removed] = await complete([{ request_id, attempt }]);
      return removed === undefined ? "removing" : "removed";
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      log.warn("a removal has begun; a sweep completes it", { request_id, ...errorFields(error) });
      return "removing";
    }
  }

  return {
    async removeRequest({ request_id }) {
      for (let round = 0; round < roundsMax; round++) {
        // The request first: without a start mark then, it never gets one.
        const request = (await store.requests.current([request_id])).get(request_id);
        if (!request) return { kind: "unknown_request" };
        const executions = (await store.executions.ofRequests([request_id])).get(request_id) ?? [];
        const decision = decideRemoval(request, executions);
        if (decision.kind === "active" || decision.kind === "removed") return decision;
        const { attempt } = decision;
        if (decision.kind === "admit") {
          const [isAdmitted] = await admit([{ request_id, attempt }]);
          if (!isAdmitted) continue;
          failpoint("requests-service.removal-admitted");
        }
        return { kind: await completeOne(request_id, attempt) };
      }
      throw new Unavailable("Too many callers compete for executions of the request.");
    },
  } satisfies Partial<RequestsApi>;
}

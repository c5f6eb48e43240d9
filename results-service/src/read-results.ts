import { limits, type ResultsApi } from "@sate/contracts";
import type { ResultsReader } from "./ports.ts";

/** The internal API: pages are bounded by their entries and by their bytes. */
export function readResults(
  reader: Pick<ResultsReader, "ofRequest" | "ofExecution" | "recorded" | "deadLetters">,
): ResultsApi {
  return {
    resultsOfRequest: ({ request_id, limit, after_attempt = 0 }) =>
      reader.ofRequest(request_id, after_attempt, { limit, bytesMax: limits.batchBytesMax }),

    async resultsOfExecution({ request_id, execution_id }) {
      const result = await reader.ofExecution(request_id, execution_id);
      return { results: result ? [result] : [] };
    },

    resultsRecorded: async ({ executions }) => ({ recorded: await reader.recorded(executions) }),

    listDeadLetters: reader.deadLetters.list,

    async getDeadLetter({ id }) {
      const dead_letter = await reader.deadLetters.get(id);
      return dead_letter ? { kind: "found", dead_letter } : { kind: "unknown_dead_letter" };
    },
  };
}

import { limits, type ResultsApi } from "@sate/contracts";
import type { ResultsReader } from "./ports.ts";

/** Reading results: pages are bounded by their entries and by their bytes. */
export function resultCommands(
  reader: Pick<ResultsReader, "ofRequest" | "ofExecution" | "recorded">,
): ResultsApi {
  const bytesMax = limits.batchBytesMax;
  return {
    resultsOfRequest: ({ request_id, limit, after_attempt = 0 }) =>
      reader.ofRequest({ requestId: request_id, afterAttempt: after_attempt, limit, bytesMax }),

    async resultsOfExecution({ request_id, execution_id }) {
      // If there ever were more than one, nobody should be kept from seeing it.
      const wanted = { requestId: request_id, executionId: execution_id, limit: limits.pageMax, bytesMax };
      return { results: (await reader.ofExecution(wanted)).results };
    },

    resultsRecorded: async ({ executions }) => ({ recorded: await reader.recorded(executions) }),
  };
}

import { limits, type ResultRecord, type ResultsApi } from "@sate/contracts";
import type { ResultsReader } from "./ports.ts";

/** Reading results: pages are bounded by their entries and by their bytes. */
export function resultCommands(reader: Pick<ResultsReader, "ofRequest" | "ofExecution">): ResultsApi {
  return {
    async resultsOfRequest({ request_id, limit, after_attempt = 0 }) {
      const found = await reader.ofRequest({
        requestId: request_id,
        afterAttempt: after_attempt,
        limit: limit + 1,
      });
      const results = upToBytes(found.slice(0, limit), limits.batchBytesMax);
      return { results, more: results.length < found.length };
    },
    async resultsOfExecution({ request_id, execution_id }) {
      return { results: await reader.ofExecution({ requestId: request_id, executionId: execution_id }) };
    },
  };
}

/** The first results whose texts together stay below the limit, and always the first one. */
function upToBytes(results: ResultRecord[], bytesMax: number): ResultRecord[] {
  let bytes = 0;
  const end = results.findIndex(({ payload_json, outputs_json }, index) => {
    bytes += payload_json.length + outputs_json.length;
    return index > 0 && bytes > bytesMax;
  });
  return end < 0 ? results : results.slice(0, end);
}

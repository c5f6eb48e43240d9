import { type ExecutionRecord, isUnavailable, type ResultRecord } from "@sate/contracts";
import { DeadlinePassed } from "@sate/contracts/runtime";
import type { Ingress } from "../capacity/ingress.ts";
import { Refusal } from "../http/problem-response.ts";
import type { Ports } from "../ports.ts";

/** How long to wait before a result that is recorded and could not be read is read again. */
export const readAgainMs = 250;

/** Reads the result of an execution; `undefined` if it cannot be read now. */
export type ReadResult = (request: Request, execution: ExecutionRecord) => Promise<ResultRecord | undefined>;

/** Creates a reader of recorded results, whose reads count as work in progress: a result may have a megabyte. */
export function createReadResult({
  results,
  ingress,
}: Pick<Ports, "results"> & { ingress: Ingress }): ReadResult {
  return async (request, { request_id, id: execution_id }) => {
    try {
      const read = () => results.resultsOfExecution({ request_id, execution_id });
      return (await ingress.serve(request, "readResults", read)).results[0];
    } catch (error) {
      if (isUnavailable(error) || error instanceof DeadlinePassed || error instanceof Refusal)
        return undefined;
      throw error;
    }
  };
}

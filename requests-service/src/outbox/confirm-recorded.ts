import { type ExecutionKey, Unavailable } from "@sate/contracts";
import { failpoint } from "@sate/contracts/runtime";
import type { Ports } from "../ports.ts";
import type { Deliveries } from "../webhooks/deliveries.ts";

/**
 * Returns which of up to `limits.confirmMax` executions have a recorded result, and removes the marks of those that are
 * unconfirmed. Rejects when the database or results-service does not respond.
 */
export type ConfirmRecorded = (executions: ExecutionKey[]) => Promise<boolean[]>;

export function createConfirmRecorded(
  { store, results, counters }: Ports,
  deliveries: Pick<Deliveries, "beforeConfirmed">,
): ConfirmRecorded {
  return async (executions) => {
    if (executions.length === 0) return [];
    const { recorded } = await results.resultsRecorded({ executions });
    if (recorded.length !== executions.length) {
      throw new Unavailable("results-service did not respond for every execution.");
    }
    const recordedKeys = executions.filter((_, index) => recorded[index]);
    // After it nothing remembers the outcome, so its webhooks must have been created.
    await deliveries.beforeConfirmed(recordedKeys);
    await store.confirmations.confirm(recordedKeys);
    failpoint("requests-service.confirmed");
    counters.add("results_confirmed", recordedKeys.length);
    return recorded;
  };
}

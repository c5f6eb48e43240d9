import type { RemovalsApi } from "@sate/contracts";
import { failpoint } from "@sate/contracts/runtime";
import type { Ports } from "../index.ts";

/** Small batches keep each delete short. */
const deadLettersAtOnce = 200;

/** What other services have removed from the Results DB. */
export function removalCommands({ writer, counters }: Pick<Ports, "writer" | "counters">): RemovalsApi {
  return {
    async removeResults({ executions, requests, dead_letters, removed_at }) {
      const wholly = requests.map((request_id) => ({ request_id, attempt: 0 }));
      await writer.removeResults([...wholly, ...executions], removed_at);
      failpoint("results-listener.results-removed");
      await writer.removeDeadLetters(dead_letters);
      // The tombstones are stored first: what is recorded now and not found here finds them.
      let removed = requests.length > 0 ? deadLettersAtOnce : 0;
      while (removed === deadLettersAtOnce) {
        removed = await writer.removeDeadLettersOf(requests, deadLettersAtOnce);
        counters.add("dead_letters_removed", removed);
      }
      counters.add("results_removed", executions.length);
      return {};
    },
  };
}

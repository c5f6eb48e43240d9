import { executionKey, type RemovalsApi, Unavailable } from "@sate/contracts";

/** results-listener's removals in memory. `before` runs before every call, and may hold or fail it. */
export function fakeResultsRemoval() {
  const fake = {
    before: async (): Promise<void> => {},
    isAway: false,
    /** Keys of the results, ids of the requests and of the dead letters that were removed. */
    removed: new Set<string>(),
    removeResults: (async ({ executions, requests, dead_letters }) => {
      await fake.before();
      if (fake.isAway) throw new Unavailable("results-listener is away.");
      for (const { request_id, attempt } of executions) fake.removed.add(executionKey(request_id, attempt));
      for (const id of [...requests, ...dead_letters]) fake.removed.add(id);
      return {};
    }) as RemovalsApi["removeResults"],
  };
  return fake;
}

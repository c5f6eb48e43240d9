import { type ExecutionKey, Unavailable } from "@sate/contracts";
import type { Results } from "../../src/ports.ts";

/** results-service in memory. `asked` is how many it was asked about in each call. */
export type FakeResults = {
  resultsRecorded: Results["resultsRecorded"];
  isAway: boolean;
  asked: number[];
  record(execution: ExecutionKey): void;
};

export function fakeResults(): FakeResults {
  const recorded = new Set<string>();
  const nameOf = ({ request_id, attempt }: ExecutionKey) => `${request_id} ${attempt}`;
  const fake: FakeResults = {
    isAway: false,
    asked: [],
    record: (execution) => void recorded.add(nameOf(execution)),
    async resultsRecorded({ executions }) {
      fake.asked.push(executions.length);
      if (fake.isAway) throw new Unavailable("results-service is away.");
      return { recorded: executions.map((one) => recorded.has(nameOf(one))) };
    },
  };
  return fake;
}

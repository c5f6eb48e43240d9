import { recordingClient } from "../client.ts";
import { until } from "../until.ts";
import type { Nemesis } from "./fault.ts";

const callMs = 3_000;

/**
 * One request through everything: stored, executed, run, and read as succeeded. Answers after how many milliseconds, or
 * null if it did not come to that in time.
 */
export async function throughEverything(
  { system, history }: Nemesis,
  mostMs: number,
): Promise<number | null> {
  const started = performance.now();
  const client = recordingClient(system.url, history, callMs);
  let requestId: string | null = null;
  let executionId: string | null = null;
  const isThrough = await until(mostMs, async () => {
    if (requestId === null) {
      const token = `probe-${crypto.randomUUID()}`;
      requestId = await client.submit({ token, payload: `{"token":"${token}"}`, processor: "trial-fast" });
      if (requestId === null) return false;
    }
    if (executionId === null) {
      const { id, status } = await client.execute(requestId);
      // One that was not answered may be there all the same: then another request has to show it.
      if (status === 409) requestId = null;
      executionId = id;
      if (requestId === null || executionId === null) return false;
    }
    return (await client.read(requestId, executionId)) === "succeeded";
  });
  return isThrough ? performance.now() - started : null;
}

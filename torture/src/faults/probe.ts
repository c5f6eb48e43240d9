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
  const ask = async (method: string, path: string, body?: string) => {
    const response = await fetch(`${system.url}${path}`, {
      method,
      ...(body !== undefined && { body, headers: { "content-type": "application/json" } }),
      signal: AbortSignal.timeout(callMs),
    });
    return { status: response.status, json: (await response.json()) as { id: string; status: string } };
  };
  let requestId: string | undefined;
  let executionId: string | undefined;
  const isThrough = await until(mostMs, async () => {
    if (requestId === undefined) {
      const token = `probe-${crypto.randomUUID()}`;
      const payload = `{"token":"${token}"}`;
      history.unanswered.add(token);
      const { status, json } = await ask(
        "POST",
        "/requests",
        `{"payload":${payload},"processor":"trial-fast"}`,
      );
      if (status !== 201) return false;
      requestId = json.id;
      history.unanswered.delete(token);
      history.requests.set(requestId, { payload, token, processor: "trial-fast" });
    }
    if (executionId === undefined) {
      const { status, json } = await ask("POST", `/requests/${requestId}/executions`, "{}");
      // One that was not answered may be there all the same: then another request has to show it.
      if (status === 409) requestId = undefined;
      if (status !== 201) return false;
      executionId = json.id;
      history.executions.push({ requestId: requestId as string, executionId });
    }
    const { status, json } = await ask("GET", `/requests/${requestId}/executions/${executionId}`);
    return status === 200 && json.status === "succeeded";
  });
  return isThrough ? performance.now() - started : null;
}

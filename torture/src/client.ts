import { machineNs } from "./clock.ts";
import type { History } from "./evidence.ts";

export type Submit = { token: string; payload: string; processor: string };
/** `status` is that of the answer, null where there was none. */
export type Executed = { id: string | null; status: number | null };

/** A client of the API that writes into the history what it did and was told. */
export function recordingClient(url: string, history: History, callMs: number) {
  function count(answer: string): void {
    history.answers[answer] = (history.answers[answer] ?? 0) + 1;
  }

  /** An answer, or null when there is none. */
  async function ask(method: string, path: string, body?: string) {
    try {
      const response = await fetch(`${url}${path}`, {
        method,
        ...(body !== undefined && { body, headers: { "content-type": "application/json" } }),
        signal: AbortSignal.timeout(callMs),
      });
      const text = await response.text();
      count(String(response.status));
      return { status: response.status, json: JSON.parse(text) };
    } catch {
      count("none");
      return null;
    }
  }

  return {
    /** The id of the stored request, or null where it was not acknowledged. */
    async submit({ token, payload, processor }: Submit): Promise<string | null> {
      const submitted = await ask("POST", "/requests", `{"payload":${payload},"processor":"${processor}"}`);
      if (submitted?.status === 201) {
        history.requests.set(submitted.json.id, { payload, token, processor });
        return submitted.json.id;
      }
      const isRefused = submitted !== null && submitted.status < 500;
      (isRefused ? history.refused : history.unanswered).add(token);
      return null;
    },

    /** A new execution, if it was given one. */
    async execute(requestId: string): Promise<Executed> {
      const executed = await ask("POST", `/requests/${requestId}/executions`, "{}");
      if (executed?.status === 404)
        history.unread.push(`request ${requestId} was acknowledged, then not found`);
      if (executed?.status === 409 && String(executed.json.type).endsWith(":failures-exhausted")) {
        history.exhausted.push({ requestId });
      }
      if (executed?.status !== 201) return { id: null, status: executed?.status ?? null };
      history.executions.push({ requestId, executionId: executed.json.id });
      return { id: executed.json.id, status: 201 };
    },

    /** The status of an execution, or null where it could not be read. */
    async read(requestId: string, executionId: string): Promise<string | null> {
      const read = await ask("GET", `/requests/${requestId}/executions/${executionId}`);
      const atNs = machineNs() + 10_000_000n;
      if (read?.status === 404)
        history.unread.push(`execution ${executionId} was acknowledged, then not found`);
      if (read?.status !== 200) return null;
      history.seen.push({ executionId, status: read.json.status, atNs });
      return read.json.status;
    },
  };
}

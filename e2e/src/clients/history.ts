import { machineNs } from "../runs/monotonic.ts";
import type { Answer, Client } from "./client.ts";

/** What clients did and were told: the only truth about what the system owes. */
export type History = {
  /** Acknowledged requests by id, with the payload as it was sent. */
  requests: Map<string, { payload: string; token: string; processor: string }>;
  /** Tokens of payloads whose submit had no answer, or was refused. */
  unanswered: Set<string>;
  refused: Set<string>;
  executions: { requestId: string; executionId: string; forceError: boolean }[];
  /** Refusals because the request has failed too often. */
  exhausted: { requestId: string }[];
  /** Status of an execution as a client read it, in order of time. */
  seen: { executionId: string; status: string; atNs: bigint }[];
  /** An acknowledged thing that a later read did not find. */
  unread: string[];
  /** How often each status was the answer; "none" where there was none. */
  answers: Record<string, number>;
};

export function emptyHistory(): History {
  return {
    requests: new Map(),
    unanswered: new Set(),
    refused: new Set(),
    executions: [],
    exhausted: [],
    seen: [],
    unread: [],
    answers: {},
  };
}

export type Submit = { token: string; payload: string; processor: string };
/** `status` is that of the answer, null where there was none. */
export type Executed = { id: string | null; status: number | null };

/** A client of the API that writes into the history what it did and was told. Never rejects. */
export function recordingClient(client: Client, history: History) {
  function count(answer: string): void {
    history.answers[answer] = (history.answers[answer] ?? 0) + 1;
  }

  /** An answer, or null when there is none. */
  async function ask(method: string, path: string, body?: string): Promise<Answer | null> {
    const answer = await client.ask(method, path, body).catch(() => null);
    count(answer === null ? "none" : String(answer.status));
    return answer;
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
    async execute(requestId: string, forceError = false): Promise<Executed> {
      const body = forceError ? '{"force_error":true}' : "{}";
      const executed = await ask("POST", `/requests/${requestId}/executions`, body);
      if (executed?.status === 404)
        history.unread.push(`request ${requestId} was acknowledged, then not found`);
      if (executed?.status === 409 && String(executed.json.type).endsWith(":failures-exhausted")) {
        history.exhausted.push({ requestId });
      }
      if (executed?.status !== 201) return { id: null, status: executed?.status ?? null };
      history.executions.push({ requestId, executionId: executed.json.id, forceError });
      return { id: executed.json.id, status: 201 };
    },

    /** The status of an execution, or null where it could not be read. */
    async read(requestId: string, executionId: string): Promise<string | null> {
      const read = await ask("GET", `/requests/${requestId}/executions/${executionId}`);
      const atNs = machineNs();
      if (read?.status === 404)
        history.unread.push(`execution ${executionId} was acknowledged, then not found`);
      if (read?.status !== 200) return null;
      history.seen.push({ executionId, status: read.json.status, atNs });
      return read.json.status;
    },
  };
}

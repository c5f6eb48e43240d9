import { machineNs } from "../runs/monotonic.ts";
import type { Answer, Client } from "./client.ts";

/** What clients did and received: the truth about what the system owes them. */
export type History = {
  /** Acknowledged requests by id, with the payload as sent. */
  requests: Map<string, Submit>;
  /** Tokens of payloads whose submission had no response, or was refused. */
  unanswered: Set<string>;
  refused: Set<string>;
  executions: { requestId: string; executionId: string; forceError: boolean }[];
  /** A request id for each refusal because the request has failed too often. */
  exhausted: string[];
  /** Statuses as clients read them, in order of time. */
  seen: { executionId: string; status: string; atNs: bigint }[];
  /** Sentences about acknowledged things that a later read did not find. */
  unread: string[];
  /** How many times each status was returned; "none" where there was no response. */
  answers: Record<string, number>;
  count(answer: string): void;
};

export function emptyHistory(): History {
  const answers: Record<string, number> = {};
  return {
    requests: new Map(),
    unanswered: new Set(),
    refused: new Set(),
    executions: [],
    exhausted: [],
    seen: [],
    unread: [],
    answers,
    count(answer) {
      answers[answer] = (answers[answer] ?? 0) + 1;
    },
  };
}

export type Submit = {
  token: string;
  payload: string;
  processor: string;
  labels?: Record<string, string>;
};

/** The body of a request, as JSON. */
export const bodyOf = ({ payload, processor, labels }: Submit, more = {}): string =>
  `{"payload":${payload},${JSON.stringify({ processor, ...(labels && { labels }), ...more }).slice(1)}`;

export type RecordingClient = ReturnType<typeof recordingClient>;

/** A client of the API that records in the history what it did and received. Never rejects. */
export function recordingClient(client: Client, history: History) {
  async function ask(method: string, path: string, body?: string, headers = {}): Promise<Answer | null> {
    const answer = await client.ask(method, path, body, headers).catch(() => null);
    history.count(answer === null ? "none" : String(answer.status));
    return answer;
  }

  return {
    /** The response, or null if there is none. */
    ask,

    /** The id of the stored request, or null if it was not acknowledged. */
    async submit(one: Submit): Promise<string | null> {
      const submitted = await ask("POST", "/requests", bodyOf(one));
      if (submitted?.status === 201) {
        history.requests.set(submitted.json.id, one);
        return submitted.json.id;
      }
      const isRefused = submitted !== null && submitted.status < 500;
      (isRefused ? history.refused : history.unanswered).add(one.token);
      return null;
    },

    /** The id of a new execution, or null if none was accepted; `status` is null if there was no response. */
    async execute(requestId: string, forceError = false) {
      const body = forceError ? '{"force_error":true}' : "{}";
      const executed = await ask("POST", `/requests/${requestId}/executions`, body);
      const status = executed?.status ?? null;
      if (status === 404) history.unread.push(`request ${requestId} was acknowledged, then not found`);
      if (status === 409 && String(executed?.json.type).endsWith(":failures-exhausted"))
        history.exhausted.push(requestId);
      if (executed === null || status !== 201) return { id: null, status };
      history.executions.push({ requestId, executionId: executed.json.id, forceError });
      return { id: executed.json.id, status };
    },

    /** The status of an execution, or null if it could not be read. */
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

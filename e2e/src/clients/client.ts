import type { Execution, ExecutionSummary, Problem, Result, StoredRequest } from "@sate/contracts";
import type { Static } from "@sinclair/typebox";

/** Whatever of it an answer has, the scenario says: a body is of one of these kinds. */
export type Body = Static<typeof Execution> &
  Static<typeof StoredRequest> &
  Static<typeof ExecutionSummary> &
  Omit<Problem, "status"> & {
    results: Static<typeof Result>[];
    requests: Static<typeof StoredRequest>[];
    executions: Static<typeof ExecutionSummary>[];
    next_uri: string;
    paths: Record<string, unknown>;
  };

export type Answer = { status: number; text: string; json: Body; headers: Headers };

export type Client = ReturnType<typeof createClient>;

/** A client as users write one: fetch, with a deadline. */
export function createClient(url: string, deadlineMs = 20_000) {
  async function ask(
    method: string,
    path: string,
    body?: string,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: { ...(body !== undefined && { "content-type": "application/json" }), ...headers },
      ...(body !== undefined && { body }),
      signal: AbortSignal.timeout(deadlineMs),
    });
    const text = await response.text();
    const isJson = response.headers.get("content-type")?.includes("json") ?? false;
    return {
      status: response.status,
      text,
      json: isJson ? JSON.parse(text) : {},
      headers: response.headers,
    };
  }
  const get = (path: string) => ask("GET", path);
  const post = (path: string, body?: unknown) =>
    ask("POST", path, body === undefined ? undefined : JSON.stringify(body));

  return {
    ask,
    get,
    post,
    async createRequest(payload: unknown, processor?: string): Promise<string> {
      const { status, json, text } = await post("/requests", { payload, processor });
      if (status !== 201) throw new Error(`POST /requests gave ${status}: ${text}`);
      return json.id;
    },
    execute: (requestId: string, body?: unknown) => post(`/requests/${requestId}/executions`, body),
    async status(requestId: string, executionId: string): Promise<string> {
      return (await get(`/requests/${requestId}/executions/${executionId}`)).json.status;
    },
    async results(requestId: string): Promise<Body["results"]> {
      const { status, json } = await get(`/requests/${requestId}/results`);
      return status === 200 ? json.results : [];
    },
  };
}

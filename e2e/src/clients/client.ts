import type {
  Execution,
  ExecutionSummary,
  Problem,
  PublicProcessor,
  Result,
  StoredRequest,
} from "@sate/contracts";
import type { Static } from "@sinclair/typebox";
import { until } from "../until.ts";

/** A body of any kind: each scenario knows which members it has. */
export type Body = Static<typeof Execution> &
  Static<typeof StoredRequest> &
  Static<typeof ExecutionSummary> &
  Omit<Problem, "status" | "processors"> &
  PublicProcessor & {
    results: Static<typeof Result>[];
    /** Of a request that was created with `execute`. */
    execution: Static<typeof ExecutionSummary> & { result?: Omit<Static<typeof Result>, "execution"> };
    requests: Static<typeof StoredRequest>[];
    executions: Static<typeof ExecutionSummary>[];
    /** In a list, whole processors; in a problem, their names. */
    processors: unknown[];
    next_uri: string;
  };

export type Answer = { status: number; text: string; json: Body; headers: Headers };

export type Client = ReturnType<typeof createClient>;

/** A client the way users write one: fetch, with a deadline. */
export function createClient(url: string, deadlineMs = 20_000) {
  async function ask(method: string, path: string, body?: string, more = {}): Promise<Answer> {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: { ...(body !== undefined && { "content-type": "application/json" }), ...more },
      ...(body !== undefined && { body }),
      signal: AbortSignal.timeout(deadlineMs),
    });
    const text = await response.text();
    const { status, headers } = response;
    const isJson = headers.get("content-type")?.includes("json") ?? false;
    return { status, text, json: isJson ? JSON.parse(text) : {}, headers };
  }
  const get = (path: string) => ask("GET", path);
  const post = (path: string, body?: unknown, headers = {}) =>
    ask("POST", path, body === undefined ? undefined : JSON.stringify(body), headers);

  return {
    ask,
    get,
    post,
    async createRequest(payload: unknown, processor?: string): Promise<string> {
      const { status, json, text } = await post("/requests", { payload, processor });
      if (status !== 201) throw new Error(`POST /requests returned ${status}: ${text}`);
      return json.id;
    },
    execute: (requestId: string, body?: unknown) => post(`/requests/${requestId}/executions`, body),
    status: async (requestId: string, executionId: string): Promise<string> =>
      (await get(`/requests/${requestId}/executions/${executionId}`)).json.status,
    /** Waits until the execution is final, and returns its status. */
    ended: (requestId: string, executionId: string): Promise<string> =>
      until(`${executionId} has ended`, 60_000, async () => {
        const { status, json } = await get(`/requests/${requestId}/executions/${executionId}`);
        return status === 200 && json.status !== "queued" && json.status !== "running" && json.status;
      }),
    /** The results of a request as soon as there are at least `count`. */
    results: (requestId: string, count = 1, deadlineMs = 60_000): Promise<Body["results"]> =>
      until(`${requestId} has ${count} results`, deadlineMs, async () => {
        const { status, json } = await get(`/requests/${requestId}/results`);
        return status === 200 && json.results.length >= count && json.results;
      }),
  };
}

/** A client as users write one: fetch, with a deadline. */
export type Answer = { status: number; text: string; json: any; headers: Headers };

export type Client = ReturnType<typeof createClient>;

const deadlineMs = 20_000;

export function createClient(url: string) {
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
      json: isJson ? JSON.parse(text) : undefined,
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
    async createRequest(payload: unknown): Promise<string> {
      const { status, json, text } = await post("/requests", { payload });
      if (status !== 201) throw new Error(`POST /requests gave ${status}: ${text}`);
      return json.id;
    },
    execute: (requestId: string, body?: unknown) => post(`/requests/${requestId}/executions`, body),
    async status(requestId: string, executionId: string): Promise<string> {
      return (await get(`/requests/${requestId}/executions/${executionId}`)).json.status;
    },
    async results(requestId: string): Promise<any[]> {
      const { status, json } = await get(`/requests/${requestId}/results`);
      return status === 200 ? json.results : [];
    },
  };
}

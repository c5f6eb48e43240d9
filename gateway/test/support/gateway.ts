import { limits } from "@sate/contracts";
import { createCounters, createLog } from "@sate/contracts/runtime";
import { type Config, createGateway, type Ports } from "../../src/index.ts";
import { fakeRequests } from "../fakes/requests.ts";
import { fakeResults } from "../fakes/results.ts";

export const json = { "content-type": "application/json" };

/** Any of our JSON bodies, empty where there is none. */
export type Body = Record<string, unknown> & {
  id: string;
  requests: { id: string }[];
  executions: { id: string }[];
  results: { id: string }[];
  next_uri?: string;
  execution_uri: string;
};

export type Answer = { status: number; text: string; json: Body; headers: Headers };

/** A gateway on fakes, and ways to ask it: without a server, or through one that listens. */
export function testGateway(config: Partial<Config> = {}, ports: Partial<Ports> = {}) {
  const requests = fakeRequests();
  const results = fakeResults();
  const time = { nowMs: 0 };
  const counters = createCounters();
  const lines: string[] = [];
  const gateway = createGateway(
    {
      requests: requests.api,
      results: results.api,
      monotonic: () => time.nowMs,
      clock: () => 1_700_000_000_000,
      random: () => 0.5,
      newId: () => Bun.randomUUIDv7(),
      log: createLog("gateway", "debug", (line) => void lines.push(line)),
      counters,
      ...ports,
    },
    {
      maxFailures: 3,
      bodyBytesMax: limits.bodyBytesDefault,
      allowedHosts: new Set(["gateway.example"]),
      ...config,
    },
  );

  async function ask(
    method: string,
    path: string,
    body?: RequestInit["body"],
    headers: Record<string, string> = body === undefined ? {} : json,
  ): Promise<Answer> {
    const init: RequestInit = { method, headers, ...(body !== undefined && { body }) };
    return answerOf(await gateway.app.handle(new Request(`http://localhost${path}`, init)));
  }

  return {
    ...gateway,
    requests,
    results,
    /** The monotonic clock, which stands still otherwise. */
    time,
    counters,
    lines,
    ask,
    get: (path: string, headers?: Record<string, string>) => ask("GET", path, undefined, headers),
    post: (path: string, body?: string, headers?: Record<string, string>) => ask("POST", path, body, headers),
    /** A stored request's id. */
    async stored(payload = "1"): Promise<string> {
      return (await ask("POST", "/requests", `{"payload":${payload}}`)).json.id;
    },
    /** A new execution's id. */
    async started(requestId: string): Promise<string> {
      return (await ask("POST", `/requests/${requestId}/executions`)).json.id;
    },
  };
}

export type TestGateway = ReturnType<typeof testGateway>;

export async function answerOf(response: Response): Promise<Answer> {
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.includes("json") && text !== "";
  return {
    status: response.status,
    text,
    json: isJson ? JSON.parse(text) : ({} as Body),
    headers: response.headers,
  };
}

/** What a refusal is recognised by. */
export function named({ status, json }: Answer): [number, string] {
  return [status, String(json.type).replace("urn:sate:problem:", "")];
}

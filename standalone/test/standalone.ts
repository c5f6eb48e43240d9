import { createCounters, createLog } from "@sate/contracts/runtime";
import { type Config, createStandalone } from "../src/index.ts";
import { opened } from "./sqlite/opened.ts";

type Run = { signal: AbortSignal };

/** What responses have, of which each has a part. */
type Body = {
  id: string;
  type: string;
  detail: string;
  status: string;
  results: object[];
  reasons: string[];
  requests: { id: string; payload: unknown }[];
};

/** Standalone on a folder, asked without a socket. */
export function standaloneIn(
  dataDir: string,
  {
    handler = async () => ({ kind: "succeeded", outputsJson: '{"message":"pong"}' }),
    ...config
  }: { handler?: (run: Run) => Promise<{ kind: "succeeded"; outputsJson: string }> } & Partial<Config> = {},
) {
  const fatal: string[] = [];
  const counters = createCounters();
  const file = opened(dataDir, () => counters.add("sqlite_commits"));
  const made = createStandalone(
    {
      file,
      handlers: { default: handler },
      log: createLog("standalone", "error", () => {}),
      counters,
      fatal: (what) => fatal.push(what),
    },
    {
      maxFailures: 3,
      lostMax: 3,
      leaseMs: 30_000,
      confirmMs: 30_000,
      concurrency: 8,
      executionMs: 60_000,
      bodyBytesMax: 100_000,
      shutdownMs: 2_000,
      ...config,
    },
  );
  const ask = async (method: string, path: string, body?: string) => {
    const headers = { "content-type": "application/json" };
    const request = new Request(`http://localhost${path}`, { method, headers, ...(body && { body }) });
    const response = await made.app.handle(request);
    return { status: response.status, json: (await response.json()) as Body };
  };
  return { ...made, file, ask, fatal };
}

export type Standalone = ReturnType<typeof standaloneIn>;

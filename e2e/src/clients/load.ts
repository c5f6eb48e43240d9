import { until } from "../until.ts";
import { type Client, createClient } from "./client.ts";
import { emptyHistory, type History, recordingClient } from "./history.ts";

export type Load = { history: History; stop(): Promise<void> };

/**
 * Clients that submit and execute, one request after another, until they are stopped; every fifth execution is made to
 * fail. A call that gets no answer is given up, as a client that died would.
 */
export function startLoad(url: string, options: { clients: number; name: string }): Load {
  const history = emptyHistory();
  const api = recordingClient(createClient(url), history);
  let isStopped = false;

  const clients = Array.from({ length: options.clients }, async (_, number) => {
    for (let turn = 0; !isStopped; turn++) {
      const token = `${options.name} ${number} ${turn}`;
      const payload = `{"token":"${token}","big":12345678901234567890.10}`;
      const requestId = await api.submit({ token, payload, processor: "pong" });
      const executed = requestId === null ? null : await api.execute(requestId, turn % 5 === 4);
      await Bun.sleep(executed?.id ? 10 : 50);
    }
  });
  return {
    history,
    async stop() {
      isStopped = true;
      await Promise.all(clients);
    },
  };
}

export type Settled = { executionId: string; status: string; runs: number; lost: number };

/**
 * Waits until all that was acknowledged has ended, and checks that nothing of it is lost: every request is
 * there with its payload byte for byte, every execution has ended as it had to, with exactly one result.
 * Answers what became of each execution.
 */
export async function settle(client: Client, history: History, deadlineMs: number): Promise<Settled[]> {
  const settled: Settled[] = [];
  for (const { requestId, executionId, forceError } of history.executions) {
    const path = `/requests/${requestId}/executions/${executionId}`;
    const ended = await until(`${path} has ended`, deadlineMs, async () => {
      const { status, json } = await client.get(path);
      if (status !== 200) throw new Error(`GET ${path} gave ${status}`);
      return json.status !== "queued" && json.status !== "running" && json;
    });
    const wanted = forceError ? "failed" : "succeeded";
    if (ended.status !== wanted) throw new Error(`${path} is ${ended.status}, not ${wanted}`);
    await until(`${path} has its result`, deadlineMs, async () => {
      const { json } = await client.get(`${path}/results`);
      if (json.results.length > 1) throw new Error(`${path} has ${json.results.length} results`);
      return json.results.length === 1 && json.results[0]?.is_success === !forceError;
    });
    const all = await client.results(requestId);
    if (all.length !== 1) throw new Error(`${requestId} has ${all.length} results`);
    settled.push({ executionId, status: ended.status, runs: ended.runs, lost: ended.lost });
  }
  for (const [requestId, { payload }] of history.requests) {
    const { status, text } = await client.get(`/requests/${requestId}`);
    if (status !== 200) throw new Error(`request ${requestId} is lost: ${status}`);
    if (!text.includes(`"payload":${payload}`)) throw new Error(`the payload of ${requestId} has changed`);
  }
  return settled;
}

import type { Client } from "./client.ts";
import { until } from "./until.ts";

/** What the system has said yes to. */
export type Acknowledged = {
  requests: Map<string, string>;
  executions: { requestId: string; executionId: string; forceError: boolean }[];
  /** Answers that were neither yes nor a refusal that says why: resets, timeouts, 503. */
  unanswered: number;
};

export type Load = { acknowledged: Acknowledged; stop(): Promise<void> };

/**
 * Clients that submit and execute, one request after another, until they are stopped. A call that gets no
 * answer is counted and given up, as a client that died would.
 */
export function startLoad(client: Client, options: { clients: number; name: string }): Load {
  const acknowledged: Acknowledged = { requests: new Map(), executions: [], unanswered: 0 };
  let isStopped = false;

  async function one(number: number, turn: number): Promise<void> {
    const payload = `{"from":"${options.name}","client":${number},"turn":${turn},"big":12345678901234567890.10}`;
    const created = await client.ask("POST", "/requests", `{"payload":${payload}}`);
    if (created.status !== 201) throw new Error(`POST /requests gave ${created.status}`);
    const requestId = created.json.id as string;
    acknowledged.requests.set(requestId, payload);
    const forceError = turn % 5 === 4;
    const executed = await client.execute(requestId, { force_error: forceError });
    if (executed.status !== 201) throw new Error(`POST executions gave ${executed.status}`);
    acknowledged.executions.push({ requestId, executionId: executed.json.id, forceError });
  }

  const clients = Array.from({ length: options.clients }, async (_, number) => {
    for (let turn = 0; !isStopped; turn++) {
      try {
        await one(number, turn);
        await Bun.sleep(10);
      } catch {
        acknowledged.unanswered++;
        await Bun.sleep(50);
      }
    }
  });
  return {
    acknowledged,
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
export async function settle(
  client: Client,
  acknowledged: Acknowledged,
  deadlineMs: number,
): Promise<Settled[]> {
  const settled: Settled[] = [];
  for (const { requestId, executionId, forceError } of acknowledged.executions) {
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
  for (const [requestId, payload] of acknowledged.requests) {
    const { status, text } = await client.get(`/requests/${requestId}`);
    if (status !== 200) throw new Error(`request ${requestId} is lost: ${status}`);
    if (!text.includes(`"payload":${payload}`)) throw new Error(`the payload of ${requestId} has changed`);
  }
  return settled;
}

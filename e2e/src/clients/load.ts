import { type Run, runsByExecution } from "../runs/run-log.ts";
import { isAlive } from "../system/processes.ts";
import type { System } from "../system/system.ts";
import { createClient } from "./client.ts";
import { emptyHistory, type History, recordingClient } from "./history.ts";

export type Load = { history: History; stop(): Promise<void> };

/** Slow enough for the system to keep up, so that no scenario waits behind a backlog. */
const pauseMs = 100;

/**
 * Clients that submit and execute, one request after another, until stopped. Every fifth execution is made to fail. A
 * call without a response is not retried, as if the client had crashed.
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
      if (requestId !== null) await api.execute(requestId, turn % 5 === 4);
      await Bun.sleep(pauseMs);
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

const settleMs = 90_000;

/**
 * Stops the load, waits until everything acknowledged has ended, and throws if a guarantee is broken. Every request is
 * stored with its payload byte for byte. Every execution has ended as it had to, with exactly one result. It has run
 * once for each run that the database knows, and never twice at a time. Several runs alone are no violation: a killed
 * processor loses its runs, and one that was partitioned for most of its lease requeues them. Returns the number of
 * executions.
 */
export async function settle(system: System, { history, stop }: Load): Promise<number> {
  await stop();
  await system.ready();
  const client = createClient(system.url);
  const knownRuns = new Map<string, number>();
  for (const { requestId, executionId, forceError } of history.executions) {
    const path = `/requests/${requestId}/executions/${executionId}`;
    const status = await client.ended(requestId, executionId);
    const wanted = forceError ? "failed" : "succeeded";
    if (status !== wanted) throw new Error(`${path} is ${status}, not ${wanted}`);
    const results = await client.results(requestId, 1, settleMs);
    const isOwn = results[0]?.execution.id === executionId && results[0].is_success === !forceError;
    if (results.length > 1 || !isOwn) throw new Error(`${path} has the results ${JSON.stringify(results)}`);
    const own = (await client.get(`${path}/results`)).json.results;
    if (own.length !== 1) throw new Error(`${path} has ${own.length} results`);
    knownRuns.set(executionId, (await client.get(path)).json.runs);
  }
  const runs = runsByExecution(system.runLog);
  for (const [executionId, known] of knownRuns) {
    const problem = problemOf(runs.get(executionId) ?? [], known);
    if (problem) throw new Error(`execution ${executionId} ${problem}`);
  }
  for (const [requestId, { payload }] of history.requests) {
    const { status, text } = await client.get(`/requests/${requestId}`);
    if (status !== 200) throw new Error(`request ${requestId} is lost: ${status}`);
    if (!text.includes(`"payload":${payload}`)) throw new Error(`the payload of ${requestId} has changed`);
  }
  return history.executions.length;
}

function problemOf(runs: Run[], known: number): string | undefined {
  if (runs.length < 1 || runs.length > known) return `ran ${runs.length} times, ${known} runs are known`;
  if (new Set(runs.map(({ epoch }) => epoch)).size < runs.length) return "ran twice under one epoch";
  const overlapping = runs.slice(1).filter(({ startedAt }, at) => {
    // Before a later run started, the earlier one had ended, or its process had died.
    const { endedAt, pid } = runs[at] as Run;
    return endedAt === null ? isAlive(pid) : endedAt > startedAt;
  });
  return overlapping[0] && `started run ${overlapping[0].epoch} before the earlier one had ended`;
}

import { expect } from "bun:test";
import type { ExecutionKey, Outcome, RequestRecord } from "@sate/contracts";
import { madeOutcome, newId } from "../builders.ts";
import { type Core, wanted } from "../core.ts";

export type EndedRun = ExecutionKey & { execution_id: string; epoch: number };

/** A request whose executions ended like this, with their results recorded, in this process. */
export async function endedRequest(
  it: Core,
  ends: Outcome["status"][] = ["succeeded"],
  payload_json = '"secret"',
) {
  const { id } = await it.request({ payload_json });
  const worker_id = await it.worker();
  const runs: EndedRun[] = [];
  for (const status of ends) {
    const run = await it.run(worker_id, await it.execution(id));
    await it.commands.finish({ runs: [{ ...run, outcome: madeOutcome(status) }] });
    it.results.record(run);
    runs.push(run);
  }
  return { id, runs, worker_id };
}

/** That nothing of the request is left, and that every call of this process finds it removed. */
export async function expectRemoved(it: Core, id: string, runs: ExecutionKey[] = []): Promise<void> {
  const { commands, store } = it;
  const request_id = id;
  expect(await commands.getRequest({ request_id })).toEqual({ kind: "removed" });
  for (const after_attempt of [0, 1, 999]) {
    const list = commands.listExecutions({ request_id, limit: 10, after_attempt });
    expect(await list).toEqual({ kind: "removed" });
  }
  for (const run of runs) {
    const { execution_id } = run as { execution_id: string } & ExecutionKey;
    const ref = { request_id, execution_id };
    expect(await commands.getExecution(ref)).toEqual({ kind: "removed" });
    expect(await commands.cancelExecution(ref)).toEqual({ kind: "removed" });
    expect(await commands.readLog(ref)).toEqual({ kind: "removed" });
  }
  const { answers } = await commands.createExecutions({ executions: [wanted(id)] });
  expect(answers).toEqual([{ kind: "removed" }]);
  const again = await commands.createRequests({ requests: [{ id, payload_json: '"secret"' }] });
  expect(again.answers).toEqual([{ kind: "removed" }]);
  const refusal = { id: newId(), request_id, force_error: false, failures: 3, max_failures: 3 };
  expect((await commands.recordRefusals({ refusals: [refusal] })).answers).toEqual([{ kind: "removed" }]);
  expect(await commands.removeRequest({ request_id })).toEqual({ kind: "removed" });

  const stored = (await store.requests.current([id])).get(id) as RequestRecord;
  const executions = (await store.executions.ofRequests([id])).get(id) ?? [];
  expect(stored.payload_json).toBe("");
  expect(executions.map(({ status }) => status)).toEqual(executions.map(() => "removed"));
  expect(executions.map(({ outcome }) => outcome)).toEqual(executions.map(() => undefined));
  const refusals = await store.refusals.list({ limit: 1_000 });
  expect(refusals.filter((one) => one.request_id === id)).toEqual([]);
  for (const { attempt } of executions) {
    const { chunks } = await store.logs.read({ request_id, attempt, limit: 10, bytesMax: 100 });
    expect(chunks).toEqual([]);
  }
}

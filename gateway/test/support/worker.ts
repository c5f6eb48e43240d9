import { expect } from "bun:test";
import type { FinishRun, RegisterWorker } from "@sate/contracts";
import type { TestGateway } from "./gateway.ts";

export type ClaimedRun = {
  request_id: string;
  attempt: number;
  execution_id: string;
  epoch: number;
  processor: string;
  try: number;
  timeout_seconds: number;
  payload: unknown;
};

type Announced = RegisterWorker["processors"][number];

/** A remote worker of a gateway. Registered with the key of `headers`, and with one processor if none are given. */
export async function remoteWorker(
  gateway: TestGateway,
  processors: Announced[] = [{ name: "transcode" }],
  headers: Record<string, string> = {},
) {
  const ask = (path: string, body: unknown, as: Record<string, string> = headers) =>
    gateway.post(path, JSON.stringify(body), { "content-type": "application/json", ...as });
  const registered = await ask("/workers", { processors });
  expect(registered.status).toBe(201);
  const id = registered.json.worker_id as string;
  const refOf = ({ request_id, attempt, execution_id, epoch }: ClaimedRun) => {
    return { request_id, attempt, execution_id, epoch };
  };
  return {
    id,
    registered,
    claim: (more: object = {}, as?: Record<string, string>) =>
      ask(`/workers/${id}/claims`, { claim_id: Bun.randomUUIDv7(), limit: 10, ...more }, as),
    heartbeat: (runs: (ClaimedRun & object)[], more: object = {}, ofRun: object = {}) =>
      ask(`/workers/${id}/heartbeat`, { ...more, runs: runs.map((run) => ({ ...refOf(run), ...ofRun })) }),
    finish: (run: ClaimedRun, end: Partial<FinishRun>, as?: Record<string, string>) =>
      ask(`/workers/${id}/finish`, { ...refOf(run), ...end }, as),
    end: (as = headers) => gateway.ask("DELETE", `/workers/${id}`, undefined, as),
    refOf,
    /** The internal ids of the workers that are registered. */
    internalIds: () => [...gateway.requests.processors.workers.keys()],
  };
}

/** A queued execution of a processor. Returns the id of its request. */
export async function queued(
  gateway: TestGateway,
  processor = "transcode",
  payload = "1",
  headers: Record<string, string> = {},
): Promise<string> {
  const json = { "content-type": "application/json", ...headers };
  const created = await gateway.post("/requests", `{"payload":${payload},"processor":"${processor}"}`, json);
  const id = created.json.id;
  const execution = await gateway.post(`/requests/${id}/executions`, "{}", json);
  expect([created.status, execution.status]).toEqual([201, 201]);
  return id;
}

/** Claims the only queued execution. */
export async function claimedRun(worker: Awaited<ReturnType<typeof remoteWorker>>): Promise<ClaimedRun> {
  const answer = await worker.claim();
  expect(answer.status).toBe(200);
  const [run, ...others] = (answer.json as unknown as { runs: ClaimedRun[] }).runs;
  expect(others).toEqual([]);
  return run as ClaimedRun;
}

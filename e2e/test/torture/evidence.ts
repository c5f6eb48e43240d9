import { createHash } from "node:crypto";
import { emptyHistory } from "../../src/clients/history.ts";
import type { Evidence, StoredExecution } from "../../src/torture/evidence/evidence.ts";

export const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
export const uuid = (number: number) => `00000000-0000-7000-8000-${String(number).padStart(12, "0")}`;
export const request = uuid(1);
export const first = uuid(11);
export const second = uuid(12);
export const payload = '{"token":"t1-1","n":1.0}';

const execution = (more: Partial<StoredExecution>): StoredExecution => ({
  request_id: request,
  attempt: 1,
  id: first,
  status: "failed",
  epoch: 1,
  lost: 0,
  result_id: uuid(21),
  ...more,
});
const result = {
  request_id: request,
  attempt: 1,
  execution_id: first,
  id: uuid(21),
  is_success: false,
  outputs: "{}",
  payload,
};
const outputs = JSON.stringify({ sha256: sha256(payload) });
const run = (event: "start" | "end", execution_id: string, epoch: number, ms: number) => ({
  event,
  execution_id,
  request_id: request,
  epoch,
  pid: 7,
  monotonic_ns: String(BigInt(ms) * 1_000_000n),
});

/** A good history: a request that failed once, was tried again and succeeded, and all that is known of it. */
export function good(): Evidence {
  const history = emptyHistory();
  history.requests.set(request, { payload, token: "t1-1", processor: "trial-flaky" });
  history.executions.push(
    { requestId: request, executionId: first, forceError: false },
    { requestId: request, executionId: second, forceError: false },
  );
  history.seen.push(
    { executionId: first, status: "running", atNs: 15_000_000n },
    { executionId: first, status: "failed", atNs: 30_000_000n },
  );
  return {
    history,
    dump: {
      requests: [{ id: request, payload }],
      executions: [
        execution({}),
        execution({ attempt: 2, id: second, status: "succeeded", epoch: 1, result_id: uuid(22), outputs }),
      ],
      results: [
        result,
        { ...result, attempt: 2, execution_id: second, id: uuid(22), is_success: true, outputs },
      ],
      deadLetters: [
        { _id: "d", reason: "unreadable_record", origin_topic: "t", key: null, value: "AAA=", headers: "{}" },
      ],
      refusals: [],
      records: [
        {
          topic: "failed_executions",
          partition: 0,
          offset: "0",
          key: request,
          value: JSON.stringify({ id: uuid(21), is_success: false, execution: { id: first } }),
        },
      ],
    },
    runs: [
      run("start", first, 1, 10),
      run("end", first, 1, 20),
      run("start", second, 1, 40),
      run("end", second, 1, 50),
    ],
    malformed: [{ topic: "t", at: 0, value: "AAA=", headers: {}, excused: false }],
    stalls: [],
    fullDisks: [],
    twoActive: [],
    snapshots: 3,
    counters: {},
    replay: { wasDone: true, runs: 0, changes: [] },
    restMs: 1_000,
    lag: 0,
    stuck: [],
    lastAlive: {},
    committed: { looked: 1, unknown: [] },
    faultsDone: 1,
    broken: [],
    clocksSet: 1,
    usage: [{ name: "gateway-1", pid: 5, samples: [{ ageMs: 5_000, bytes: 100 * 2 ** 20, handles: 20 }] }],
    orphans: [],
    logs: [{ name: "gateway-1.log", text: "ready" }],
    secrets: ["a-secret"],
    maxFailures: 3,
    concurrency: 8,
  };
}

export { execution, run };

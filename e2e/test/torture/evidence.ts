import { createHash } from "node:crypto";
import { emptyHistory } from "../../src/clients/history.ts";
import type { Dump, Evidence, StoredExecution } from "../../src/torture/evidence/evidence.ts";
import { emptyJournal, type Journal } from "../../src/torture/evidence/journal.ts";
import { hooked } from "../../src/torture/load/subscriptions.ts";

export const uuid = (number: number) => `00000000-0000-7000-8000-${String(number).padStart(12, "0")}`;
export const request = uuid(1);
export const first = uuid(11);
export const second = uuid(12);
/** A request that was removed after its only execution had failed. */
export const removed = uuid(2);
export const removedExecution = uuid(14);
/** The request of the schedule for the minute that begins at 0, and its execution. */
export const firing = uuid(3);
const firingExecution = uuid(15);
export const minuteMs = 60_000;
export const payload = '{"token":"t1-1","n":1.0}';

const outputs = JSON.stringify({ sha256: createHash("sha256").update(payload).digest("hex") });
const of = { request_id: request, attempt: 1 };
const succeeded = { attempt: 2, outputs };

export const execution = (more: Partial<StoredExecution>): StoredExecution => ({
  ...of,
  ...{ id: first, status: "failed", epoch: 1, lost: 0, tries: 0, result_id: uuid(21) },
  ...more,
});
export const result: Dump["results"][number] = {
  ...of,
  ...{ id: uuid(21), execution_id: first, is_success: false, outputs: "{}", payload },
  error: '{"code":"trial","message":"It was made to fail."}',
};
export const outcome = (id: string) => JSON.stringify({ id, is_success: false, execution: { id: first } });
export const run = (event: "start" | "end", execution_id: string, epoch: number, ms: number) => ({
  ...{
    event,
    execution_id,
    request_id: request,
    epoch,
    pid: 7,
    host: 6,
    monotonic_ns: String(ms * 1_000_000),
  },
});

/** The attempt by which `removed` was removed, and the stub of its execution. */
const removal = (): StoredExecution[] => [
  execution({ request_id: removed, id: removedExecution, status: "removed", result_id: null, removed_at: 1 }),
  execution({
    ...{ request_id: removed, attempt: 2, id: uuid(16), status: "removed", epoch: 0 },
    ...{ result_id: null, removed_at: 1 },
  }),
];

/** What clients did with the first execution of `request`, and with `removed`. */
function goodJournal(): Journal {
  return {
    ...emptyJournal(),
    keyed: new Map([["key", [`${request} ${first}`, `${request} ${first}`]]]),
    waited: [{ executionId: first, status: "failed", resultId: uuid(21) }],
    streamed: [{ executionId: first, finals: ["failed"], results: [uuid(21)], connections: 2 }],
    replays: [
      { deadLetterId: "d", executionId: second },
      { deadLetterId: "d", executionId: second },
    ],
    removing: new Set([removed]),
    removed: new Map([[removed, 90_000_000n]]),
    revisits: 4,
  };
}

/**
 * The evidence of a request that failed once, was executed again and succeeded; of one that failed and was removed; and of
 * a firing of the schedule. No guarantee is broken.
 */
export function good(): Evidence {
  const history = emptyHistory();
  history.requests.set(request, { payload, token: "t1-1", processor: "trial-flaky", labels: hooked });
  history.requests.set(removed, { payload: "2", token: "t1-2", processor: "trial-failing" });
  for (const executionId of [first, second])
    history.executions.push({ requestId: request, executionId, forceError: false });
  history.executions.push({ requestId: removed, executionId: removedExecution, forceError: false });
  history.seen.push(
    { executionId: first, status: "running", atNs: 15_000_000n },
    { executionId: first, status: "failed", atNs: 30_000_000n },
  );
  return {
    history,
    journal: goodJournal(),
    webhook: {
      delivered: [
        { id: uuid(31), executionId: first, status: "failed" },
        { id: uuid(31), executionId: first, status: "failed" },
        { id: uuid(32), executionId: second, status: "succeeded" },
      ],
      refused: 0,
      forged: [],
    },
    schedule: { payload: '{"schedule":1}', fromMs: -1_000, toMs: minuteMs + 1_000 },
    healthy: [{ pid: 5, fromMs: -1_000, toMs: 20_000 }],
    isScheduleClockTrue: true,
    dump: {
      requests: [
        { id: request, payload },
        { id: removed, payload: "", removed_at: 1 },
        { id: firing, payload: '{"schedule":1}' },
      ],
      executions: [
        execution({}),
        execution({ ...succeeded, id: second, status: "succeeded", result_id: uuid(22) }),
        execution({ request_id: firing, id: firingExecution, result_id: uuid(23) }),
        ...removal(),
      ],
      results: [
        { ...result },
        { ...result, ...succeeded, id: uuid(22), execution_id: second, is_success: true, error: null },
        {
          ...result,
          id: uuid(23),
          request_id: firing,
          execution_id: firingExecution,
          payload: '{"schedule":1}',
        },
      ],
      logs: [request],
      deadLetters: [{ _id: "d", reason: "unreadable_record", key: null, value: "AAA=" }],
      refusals: [],
      records: [{ topic: "failed_executions", partition: 0, offset: "0", value: outcome(uuid(21)) }],
    },
    runs: [
      run("start", first, 1, 10),
      run("end", first, 1, 20),
      run("start", second, 1, 40),
      run("end", second, 1, 50),
      { ...run("start", removedExecution, 1, 60), request_id: removed },
      { ...run("end", removedExecution, 1, 70), request_id: removed },
    ],
    malformed: [{ topic: "t", at: 0, value: "AAA=", excused: false }],
    stalls: [],
    fullDisks: [],
    twoActive: [],
    snapshots: 3,
    counters: {},
    replay: { wasDone: true, runs: 0, changes: [] },
    restMs: 1_000,
    lag: 0,
    stuck: [],
    lastAlive: new Map(),
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

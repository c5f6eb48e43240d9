import type { Evidence } from "../../src/torture/evidence/evidence.ts";
import {
  execution,
  firing,
  first,
  outcome,
  payload,
  removed,
  removedExecution,
  request,
  result,
  run,
  second,
  uuid,
} from "./evidence.ts";

export const change = <T>(of: T | undefined, more: Partial<T>) => Object.assign(of as object, more);
const used = ({ usage }: Evidence, ageMs: number, mebibytes: number, handles = 20) =>
  usage[0]?.samples.push({ ageMs, bytes: mebibytes * 2 ** 20, handles });
const seen = (executionId: string, status: string) => ({ executionId, status, atNs: 31_000_000n });

/** Each breaks one guarantee, and names the invariant that must report it. */
export const bad: [number: number, what: string, spoil: (evidence: Evidence) => void][] = [
  [0, "a stop that failed", ({ broken }) => broken.push("F7 SIGTERM: gateway-1: ended with 1")],
  [1, "an acknowledged request is not stored", ({ dump }) => dump.requests.shift()],
  [1, "an acknowledged execution is not stored", ({ dump }) => dump.executions.splice(1, 1)],
  [1, "an execution is stored twice", ({ dump }) => dump.executions.push(execution({}))],
  [1, "an execution is not final", ({ dump }) => change(dump.executions[0], { status: "queued" })],
  [2, "one submission is stored twice", ({ dump }) => dump.requests.push({ id: uuid(4), payload })],
  [2, "a refused submission is stored", ({ history }) => history.refused.add("t1-1")],
  [3, "two are active", ({ twoActive }) => twoActive.push(request)],
  [4, "runs overlap", ({ runs }) => runs.push(run("start", second, 2, 15), run("end", second, 2, 18))],
  [4, "a run whose process died during the next one", (evidence) => dieDuringNext(evidence)],
  [4, "a run that never ends", ({ runs }) => runs.splice(1, 1)],
  [5, "a run of an execution that is not stored", ({ runs }) => runs.push(run("start", uuid(99), 1, 60))],
  [5, "an epoch beyond the stored one", ({ runs }) => runs.push(run("start", second, 7, 60))],
  [5, "two runs under one epoch", ({ runs }) => runs.push(run("start", second, 1, 60))],
  [5, "a run after its final status was read", ({ runs }) => runs.push(run("start", first, 1, 35))],
  [
    5,
    "an execution after a success",
    ({ dump }) => dump.executions.push(execution({ attempt: 3, id: uuid(13) })),
  ],
  [6, "a missing attempt", ({ dump }) => change(dump.executions[1], { attempt: 3 })],
  [7, "too many failures", (evidence) => change(evidence, { maxFailures: 0 })],
  [7, "a refusal without its dead letter", ({ history }) => history.exhausted.push(request)],
  [8, "no result", ({ dump }) => dump.results.pop()],
  [8, "two results", ({ dump }) => dump.results.push(...dump.results.slice(0, 1))],
  [8, "databases that disagree", ({ dump }) => change(dump.results[0], { is_success: true })],
  [8, "a result of nothing", ({ dump }) => dump.results.push({ ...result, execution_id: uuid(98) })],
  [9, "a stored payload that changed", ({ dump }) => change(dump.requests[0], { payload: "{}" })],
  [
    9,
    "a handler that saw another payload",
    ({ dump }) => change(dump.results[1], { outputs: '{"sha256":"0"}' }),
  ],
  [10, "a status after a final one", ({ history }) => history.seen.push(seen(first, "running"))],
  [10, "a status read that is not stored", ({ history }) => history.seen.push(seen(second, "failed"))],
  [10, "acknowledged, then not found", ({ history }) => history.unread.push("x")],
  [11, "another outcome published", ({ dump }) => change(dump.records[0], { value: outcome(uuid(77)) })],
  [
    12,
    "an unreadable record without dead letter",
    ({ dump }) => change(dump.records[0], { value: "not json" }),
  ],
  [12, "committed before it was known", ({ committed }) => committed.unknown.push("x")],
  [13, "a mark that is left", ({ dump }) => change(dump.executions[0], { mark: "outcome" })],
  [13, "a refusal that is not published", ({ dump }) => dump.refusals.push({ request_id: request })],
  [14, "a replay that ran something", ({ replay }) => change(replay, { runs: 1 })],
  [15, "a malformed record that is lost", ({ dump }) => dump.deadLetters.pop()],
  [15, "lag", (evidence) => change(evidence, { lag: 1 })],
  [16, "never at rest", (evidence) => change(evidence, { restMs: null })],
  [17, "not ready", ({ stuck }) => stuck.push("processor-1")],
  [19, "a secret in a log", ({ logs }) => logs.push({ name: "x", text: "it is a-secret" })],
  [19, "an unhandled rejection", ({ logs }) => logs.push({ name: "x", text: "Unhandled rejection" })],
  [19, "an orphan", ({ orphans }) => orphans.push("process 5")],
  [19, "too much memory", (evidence) => used(evidence, 6_000, 600)],
  [19, "growing memory", (evidence) => grow(evidence)],
  [19, "too many open files", (evidence) => used(evidence, 6_000, 1, 5_000)],
  [23, "the reason of another failure", ({ dump }) => change(dump.results[0], { error: '{"code":"lost"}' })],
  [
    23,
    "a success of a processor that cannot succeed",
    ({ history }) => change(history.requests.get(request), { processor: "trial-exit" }),
  ],
  [19, "a response of 500", ({ history }) => history.count("500")],
  [
    24,
    "a minute that fired twice",
    ({ dump }) => dump.requests.push({ ...dump.requests[2], id: uuid(3) } as never),
  ],
  [
    24,
    "a firing that was executed twice",
    ({ dump }) => dump.executions.push(execution({ request_id: firing, id: uuid(19) })),
  ],
  [24, "a firing that was not executed", ({ dump }) => dump.executions.splice(2, 1)],
  [24, "a minute that did not fire", ({ dump }) => dump.requests.splice(2, 1)],
  [
    25,
    "a dead letter with two executions",
    ({ journal }) => change(journal.replays[0], { executionId: first }),
  ],
  [
    25,
    "a replay that is not stored",
    ({ journal }) => journal.replays.push({ deadLetterId: "e", executionId: uuid(98) }),
  ],
  [26, "two ids for one key", ({ journal }) => journal.keyed.get("key")?.push(`${request} ${second}`)],
  [
    26,
    "two executions under one key",
    ({ dump }) =>
      dump.executions.splice(0, 2, ...dump.executions.slice(0, 2).map((one) => ({ ...one, key_hash: "k" }))),
  ],
  [27, "an outcome that was not delivered", ({ webhook }) => webhook.delivered.pop()],
  [27, "another status delivered", ({ webhook }) => change(webhook.delivered[2], { status: "failed" })],
  [27, "two ids for one delivery", ({ webhook }) => change(webhook.delivered[1], { id: uuid(39) })],
  [
    27,
    "a delivery that nobody asked for",
    ({ webhook }) =>
      webhook.delivered.push({ id: uuid(33), executionId: removedExecution, status: "failed" }),
  ],
  [
    27,
    "a delivery about nothing",
    ({ webhook }) => webhook.delivered.push({ id: uuid(33), executionId: uuid(98), status: "failed" }),
  ],
  [27, "a forged delivery", ({ webhook }) => webhook.forged.push("x")],
  [28, "a removed request that is served", ({ journal }) => journal.served.push("x")],
  [
    28,
    "a removed request that is back",
    ({ dump }) => change(dump.requests[1], { removed_at: null, payload: "2" }),
  ],
  [28, "a request that nobody removed", ({ journal }) => journal.removing.clear()],
  [28, "a payload that is left", ({ dump }) => change(dump.requests[1], { payload: "2" })],
  [28, "labels that are left", ({ dump }) => change(dump.requests[1], { labels: ["a=b"] })],
  [28, "an outcome that is left", ({ dump }) => change(dump.executions[3], { outcome: "{}" })],
  [
    28,
    "an execution that is left",
    ({ dump }) => change(dump.executions[3], { status: "failed", result_id: uuid(21) }),
  ],
  [
    28,
    "a result that is left",
    ({ dump }) => dump.results.push({ ...result, request_id: removed, execution_id: removedExecution }),
  ],
  [
    28,
    "a dead letter that is left",
    ({ dump }) => dump.deadLetters.push({ _id: "x", reason: "lost", key: removed, value: null }),
  ],
  [28, "a log that is left", ({ dump }) => dump.logs.push(removed)],
  [
    28,
    "a run after the removal",
    ({ runs }) => runs.push({ ...run("start", removedExecution, 2, 95), request_id: removed }),
  ],
  [28, "an execution that was removed while it was active", ({ runs }) => runs.splice(4, 2)],
  [
    29,
    "a wait that returned another status",
    ({ journal }) => change(journal.waited[0], { status: "succeeded" }),
  ],
  [
    29,
    "a wait that returned another result",
    ({ journal }) => change(journal.waited[0], { resultId: uuid(22) }),
  ],
  [30, "a stream without a final status", ({ journal }) => journal.streamed[0]?.finals.pop()],
  [30, "a stream that showed it twice", ({ journal }) => journal.streamed[0]?.finals.push("failed")],
  [
    30,
    "a stream that showed another result",
    ({ journal }) => change(journal.streamed[0], { results: [uuid(22)] }),
  ],
];

function dieDuringNext({ runs, lastAlive }: Evidence): void {
  runs.splice(1, 1);
  lastAlive.set(`${first} 1 7`, 45_000_000n);
}

function grow(evidence: Evidence): void {
  for (let minute = 3; minute < 30; minute++) used(evidence, minute * 60_000, 100 + minute * 10);
}

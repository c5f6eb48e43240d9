import { describe, expect, test } from "bun:test";
import type { Evidence } from "../../src/torture/evidence/evidence.ts";
import { invariants } from "../../src/torture/invariants/all.ts";
import { execution, first, good, outcome, payload, request, result, run, second, uuid } from "./evidence.ts";

const change = <T>(of: T | undefined, more: Partial<T>) => Object.assign(of as object, more);
const used = ({ usage }: Evidence, ageMs: number, mebibytes: number, handles = 20) =>
  usage[0]?.samples.push({ ageMs, bytes: mebibytes * 2 ** 20, handles });
const seen = (executionId: string, status: string) => ({ executionId, status, atNs: 31_000_000n });

/** Each breaks one guarantee, and names the invariant that must report it. */
const bad: [number: number, what: string, spoil: (evidence: Evidence) => void][] = [
  [0, "a stop that failed", ({ broken }) => broken.push("F7 SIGTERM: gateway-1: ended with 1")],
  [1, "an acknowledged request is not stored", ({ dump }) => dump.requests.pop()],
  [1, "an acknowledged execution is not stored", ({ dump }) => dump.executions.pop()],
  [1, "an execution is stored twice", ({ dump }) => dump.executions.push(execution({}))],
  [1, "an execution is not final", ({ dump }) => change(dump.executions[0], { status: "queued" })],
  [2, "one submission is stored twice", ({ dump }) => dump.requests.push({ id: uuid(2), payload })],
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
];

function dieDuringNext({ runs, lastAlive }: Evidence): void {
  runs.splice(1, 1);
  lastAlive.set(`${first} 1 7`, 45_000_000n);
}

function grow(evidence: Evidence): void {
  for (let minute = 3; minute < 30; minute++) used(evidence, minute * 60_000, 100 + minute * 10);
}

const violatedBy = (evidence: Evidence) =>
  invariants.map((invariant) => invariant(evidence)).filter(({ violations }) => violations.length > 0);
const overlaps = (evidence: Evidence) => violatedBy(evidence).find(({ number }) => number === 4)?.violations;

describe("the invariants", () => {
  test("are numbered 0 to 19 and 23, pass on good evidence, and each checks something", () => {
    expect(violatedBy(good())).toEqual([]);
    const checks = invariants.map((invariant) => invariant(good()));
    for (const { checked } of checks) expect(checked).toBeGreaterThan(0);
    const numbers = checks.map(({ number }) => number).sort((a, b) => a - b);
    // 20 to 22 are the model's, 24 and 25 are about the run.
    expect(numbers).toEqual([...Array.from({ length: 20 }, (_, number) => number), 23]);
    // 18 is that all others hold.
    expect(new Set([...bad.map(([number]) => number), 18])).toEqual(new Set(numbers));
  });

  test.each(bad)("%d reports: %s", (number, _, spoil) => {
    const evidence = good();
    spoil(evidence);
    expect(violatedBy(evidence).map((check) => check.number)).toContain(number);
  });

  // The process of the run is 7, the service that started it is 6.
  test.each([6, 7])("4 excuses overlaps while %d was frozen, up to its concurrency", (pid) => {
    const evidence = good();
    evidence.runs.push(run("start", second, 2, 15), run("end", second, 2, 18));
    evidence.stalls.push({ pid, fromNs: 12_000_000n, toNs: 19_000_000n });
    expect(overlaps(evidence)).toBeUndefined();
    evidence.concurrency = 0;
    expect(overlaps(evidence)).toHaveLength(1);
  });

  test("4 excuses no overlap by a process whose service was not frozen at that time", () => {
    const evidence = good();
    evidence.runs.push(run("start", second, 2, 15), run("end", second, 2, 18));
    evidence.stalls.push({ pid: 6, fromNs: 21_000_000n, toNs: 29_000_000n });
    evidence.stalls.push({ pid: 5, fromNs: 12_000_000n, toNs: 19_000_000n });
    expect(overlaps(evidence)).toHaveLength(1);
  });

  test("23 excuses a timeout of an execution that ran more than once, and handlers that cannot write", () => {
    const late = good();
    change(late.dump.results[0], { error: '{"code":"timeout"}' });
    expect(violatedBy(late).map(({ number }) => number)).toEqual([23]);
    for (const more of [{ epoch: 2 }, { lost: 1 }, { tries: 1 }]) {
      change(late.dump.executions[0], { epoch: 1, lost: 0, tries: 0, ...more });
      expect(violatedBy(late)).toEqual([]);
    }
    const unlogged = good();
    change(unlogged.dump.results[0], { error: '{"code":"unexpected_error"}' });
    unlogged.fullDisks.push({ pid: 5, fromNs: 1n, toNs: 2n });
    expect(violatedBy(unlogged)).toEqual([]);
  });

  test("4 treats a run as ended if its end could not be written, as endless otherwise", () => {
    const evidence = good();
    evidence.runs.splice(1, 1);
    expect(overlaps(evidence)).toBeDefined();
    evidence.fullDisks.push({ pid: 7, fromNs: 11_000_000n, toNs: 12_000_000n });
    expect(overlaps(evidence)).toBeUndefined();
  });
});

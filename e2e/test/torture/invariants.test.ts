import { describe, expect, test } from "bun:test";
import type { Evidence } from "../../src/torture/evidence/evidence.ts";
import { invariants } from "../../src/torture/invariants/all.ts";
import { execution, first, good, payload, request, run, second, uuid } from "./evidence.ts";

type Spoil = [number: number, what: string, spoil: (evidence: Evidence) => void];

/** Each is a history with one fault in it, and the number of the invariant that must see it. */
const bad: Spoil[] = [
  [0, "a stop that failed", ({ broken }) => broken.push("F7 SIGTERM: gateway-1: ended with 1")],
  [1, "an acknowledged request is not stored", ({ dump }) => dump.requests.pop()],
  [1, "an acknowledged execution is not stored", ({ dump }) => dump.executions.pop()],
  [1, "an execution is stored twice", ({ dump }) => dump.executions.push(execution({}))],
  [
    1,
    "an execution is not final",
    ({ dump }) => Object.assign(dump.executions[0] as object, { status: "queued" }),
  ],
  [2, "one submit is stored twice", ({ dump }) => dump.requests.push({ id: uuid(2), payload })],
  [2, "a refused submit is stored", ({ history }) => history.refused.add("t1-1")],
  [3, "two are active", ({ twoActive }) => twoActive.push(request)],
  [4, "runs overlap", ({ runs }) => runs.push(run("start", second, 2, 15), run("end", second, 2, 18))],
  [
    4,
    "a run of a process that died during the next one",
    (evidence) => {
      evidence.runs.splice(1, 1);
      evidence.lastAlive[7] = "45000000";
    },
  ],
  [4, "a run that never ends", ({ runs }) => runs.splice(1, 1)],
  [5, "a run that nobody stored", ({ runs }) => runs.push(run("start", uuid(99), 1, 60))],
  [5, "an epoch beyond the stored one", ({ runs }) => runs.push(run("start", second, 7, 60))],
  [5, "twice under one epoch", ({ runs }) => runs.push(run("start", second, 1, 60))],
  [5, "a run after its end was read", ({ runs }) => runs.push(run("start", first, 1, 35))],
  [
    5,
    "executed after its success",
    ({ dump }) => dump.executions.push(execution({ attempt: 3, id: uuid(13) })),
  ],
  [6, "an attempt is missing", ({ dump }) => Object.assign(dump.executions[1] as object, { attempt: 3 })],
  [7, "too many failures", (evidence) => Object.assign(evidence, { maxFailures: 0 })],
  [7, "a refusal without its dead letter", ({ history }) => history.exhausted.push({ requestId: request })],
  [8, "no result", ({ dump }) => dump.results.pop()],
  [8, "two results", ({ dump }) => dump.results.push(...dump.results.slice(0, 1))],
  [
    8,
    "the databases do not agree",
    ({ dump }) => Object.assign(dump.results[0] as object, { is_success: true }),
  ],
  [
    8,
    "a result of nothing",
    ({ dump }) => dump.results.push({ ...dump.results[0], execution_id: uuid(98) } as never),
  ],
  [
    9,
    "a stored payload has changed",
    ({ dump }) => Object.assign(dump.requests[0] as object, { payload: payload.replace("1.0", "1") }),
  ],
  [
    9,
    "a handler saw another payload",
    ({ dump }) => Object.assign(dump.results[1] as object, { outputs: '{"sha256":"0"}' }),
  ],
  [
    10,
    "final, then another",
    ({ history }) => history.seen.push({ executionId: first, status: "running", atNs: 31_000_000n }),
  ],
  [
    10,
    "read as another than stored",
    ({ history }) => history.seen.push({ executionId: second, status: "failed", atNs: 31_000_000n }),
  ],
  [10, "acknowledged, then not found", ({ history }) => history.unread.push("x")],
  [
    11,
    "another outcome was published",
    ({ dump }) =>
      Object.assign(dump.records[0] as object, {
        value: JSON.stringify({ id: uuid(77), is_success: false, execution: { id: first } }),
      }),
  ],
  [
    12,
    "a record that vanished",
    ({ dump }) => Object.assign(dump.records[0] as object, { value: "not json" }),
  ],
  [12, "committed before it was known", ({ committed }) => committed.unknown.push("x")],
  [13, "a mark is left", ({ dump }) => Object.assign(dump.executions[0] as object, { mark: "outcome" })],
  [13, "a refusal waits", ({ dump }) => dump.refusals.push({ request_id: request, id: request })],
  [14, "a replay ran something", ({ replay }) => Object.assign(replay, { runs: 1 })],
  [15, "a malformed record is gone", ({ dump }) => dump.deadLetters.pop()],
  [15, "lag", (evidence) => Object.assign(evidence, { lag: 1 })],
  [16, "never at rest", (evidence) => Object.assign(evidence, { restMs: null })],
  [17, "not ready", ({ stuck }) => stuck.push("processor-1")],
  [19, "a secret in a log", ({ logs }) => logs.push({ name: "x", text: "it is a-secret" })],
  [19, "an unhandled rejection", ({ logs }) => logs.push({ name: "x", text: "Unhandled rejection" })],
  [19, "an orphan", ({ orphans }) => orphans.push("process 5")],
  [
    19,
    "too much memory",
    ({ usage }) => usage[0]?.samples.push({ ageMs: 6_000, bytes: 600 * 2 ** 20, handles: 20 }),
  ],
  [
    19,
    "memory that grows",
    ({ usage }) => {
      for (let minute = 3; minute < 30; minute++)
        usage[0]?.samples.push({ ageMs: minute * 60_000, bytes: (100 + minute * 10) * 2 ** 20, handles: 20 });
    },
  ],
  [
    19,
    "files that nobody closes",
    ({ usage }) => usage[0]?.samples.push({ ageMs: 6_000, bytes: 2 ** 20, handles: 5_000 }),
  ],
  [19, "an answer of 500", ({ history }) => Object.assign(history.answers, { 500: 1 })],
];

const overlaps = (evidence: Evidence) =>
  invariants.map((one) => one(evidence)).find(({ number }) => number === 4)?.violations;

describe("the invariants", () => {
  test("hold for a good history", () => {
    const violations = invariants.flatMap((invariant) => invariant(good()).violations);
    expect(violations).toEqual([]);
  });

  test("each checks something", () => {
    for (const invariant of invariants) expect(invariant(good()).checked).toBeGreaterThan(0);
  });

  for (const [number, what, spoil] of bad) {
    test(`${number} sees: ${what}`, () => {
      const evidence = good();
      spoil(evidence);
      const red = invariants
        .map((invariant) => invariant(evidence))
        .filter(({ violations }) => violations.length > 0);
      expect(red.map((check) => check.number)).toContain(number);
    });
  }

  test("each fails for some bad history; 18 is that all others hold", () => {
    const numbers = new Set([...bad.map(([number]) => number), 18]);
    expect(
      invariants.map((invariant) => invariant(good()).number).filter((number) => !numbers.has(number)),
    ).toEqual([]);
  });

  test("4 excuses a frozen process, up to its concurrency", () => {
    const evidence = good();
    evidence.runs.push(run("start", second, 2, 15), run("end", second, 2, 18));
    evidence.stalls.push({ pid: 7, fromNs: 12_000_000n, toNs: 19_000_000n });
    expect(overlaps(evidence)).toEqual([]);
    evidence.concurrency = 0;
    expect(overlaps(evidence)).toHaveLength(1);
  });

  test("4 treats a run as ended if its end could not be written, as endless otherwise", () => {
    const evidence = good();
    evidence.runs = evidence.runs.filter(
      ({ event, execution_id }) => event === "start" || execution_id !== first,
    );
    expect(overlaps(evidence)).not.toEqual([]);
    evidence.fullDisks.push({ pid: 7, fromNs: 11_000_000n, toNs: 12_000_000n });
    expect(overlaps(evidence)).toEqual([]);
  });
});

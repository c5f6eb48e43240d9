import { describe, expect, test } from "bun:test";
import type { Evidence } from "../../src/torture/evidence/evidence.ts";
import { invariants } from "../../src/torture/invariants/all.ts";
import { keyOfReplay } from "../../src/torture/invariants/outcomes.ts";
import { cancelled } from "../../src/torture/load/operator.ts";
import { hooked } from "../../src/torture/load/subscriptions.ts";
import { bad, change } from "./bad-evidence.ts";
import { good, minuteMs, removed, request, run, second } from "./evidence.ts";

const violatedBy = (evidence: Evidence) =>
  invariants.map((invariant) => invariant(evidence)).filter(({ violations }) => violations.length > 0);
const numbersOf = (evidence: Evidence) => violatedBy(evidence).map(({ number }) => number);
const overlaps = (evidence: Evidence) => violatedBy(evidence).find(({ number }) => number === 4)?.violations;

describe("the invariants", () => {
  test("are numbered 0 to 19 and 23 to 30, pass on good evidence, and each checks something", () => {
    expect(violatedBy(good())).toEqual([]);
    const checks = invariants.map((invariant) => invariant(good()));
    for (const { checked } of checks) expect(checked).toBeGreaterThan(0);
    const numbers = checks.map(({ number }) => number).sort((a, b) => a - b);
    // 20 to 22 and 31 are the model's, 32 and 33 are about the run.
    const all = Array.from({ length: 31 }, (_, number) => number);
    expect(numbers).toEqual(all.filter((number) => number < 20 || number > 22));
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

  test("23 excuses a timeout in the queue", () => {
    const waited = good();
    const error = '{"code":"timeout","message":"The execution did not end before its deadline."}';
    change(waited.dump.results[0], { error });
    expect(violatedBy(waited)).toEqual([]);
    change(waited.dump.results[0], { tries: 1 });
    expect(violatedBy(waited).map(({ number }) => number)).toEqual([23]);
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

  test("7 lets replays of dead letters exceed the limit of failures, and nothing else", () => {
    const evidence = good();
    evidence.maxFailures = 1;
    expect(numbersOf(evidence)).toEqual([7]);
    change(evidence.dump.executions[1], { key_hash: keyOfReplay("d") });
    expect(numbersOf(evidence)).toEqual([]);
  });

  test("23 excuses cancellations of requests that were labelled for it", () => {
    const evidence = good();
    change(evidence.dump.results[0], { error: '{"code":"cancelled"}' });
    expect(numbersOf(evidence)).toEqual([23]);
    change(evidence.history.requests.get(request), {
      labels: { ...hooked, [cancelled.name]: cancelled.value },
    });
    expect(numbersOf(evidence)).toEqual([]);
  });

  test("24 owes no minute in which no process was healthy for long, or by a clock that was set", () => {
    const evidence = good();
    evidence.schedule.toMs += minuteMs;
    expect(numbersOf(evidence)).toEqual([]);
    evidence.healthy.push({ pid: 6, fromMs: minuteMs, toMs: minuteMs + 20_000 });
    expect(numbersOf(evidence)).toEqual([24]);
    evidence.isScheduleClockTrue = false;
    expect(numbersOf(evidence)).toEqual([]);
    evidence.isScheduleClockTrue = true;
    change(evidence.healthy[1], { toMs: minuteMs + 10_000 });
    expect(numbersOf(evidence)).toEqual([]);
  });

  test("28 excuses logs of removed requests if a service was frozen", () => {
    const evidence = good();
    evidence.dump.logs.push(removed);
    expect(numbersOf(evidence)).toEqual([28]);
    evidence.stalls.push({ pid: 5, fromNs: 1n, toNs: 2n });
    expect(numbersOf(evidence)).toEqual([]);
  });
});

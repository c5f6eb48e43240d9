import { topics } from "@sate/contracts";
import { isServer } from "../../system/layout.ts";
import type { Invariant } from "../evidence/evidence.ts";

/**
 * 12. Every record that was consumed speaks of an execution that the database knows, or is a dead letter. Looked at in
 * the end, and of what groups had just committed now and then in between.
 */
export const consumedIsKnown: Invariant = ({ dump, committed }) => {
  const known = new Set(dump.executions.map(({ id }) => id));
  const letters = new Set(dump.deadLetters.map(({ _id }) => _id.split("/").slice(0, 3).join("/")));
  const violations: string[] = [...committed.unknown];
  let checked = 0;
  for (const { topic, partition, offset, value } of dump.records) {
    if (topic === topics.deadLetters) continue;
    checked++;
    const id = executionIdOf(value);
    if (id !== undefined && known.has(id)) continue;
    if (id === undefined && !letters.has(`${topic}/${partition}/${offset}`)) {
      violations.push(`${topic}/${partition}/${offset} speaks of nothing known and is no dead letter`);
    }
  }
  const note = `${committed.looked} of them when they had just been committed`;
  return { number: 12, name: "what was consumed is known", checked, violations, note };
};

function executionIdOf(value: string | null): string | undefined {
  try {
    const record = JSON.parse(value ?? "null") as { id?: unknown; execution?: { id?: unknown } } | null;
    const id = record?.execution?.id ?? record?.id;
    return typeof id === "string" && /^[0-9a-f-]{36}$/.test(id) ? id : undefined;
  } catch {
    return undefined;
  }
}

/** 13. Nothing waits to be published when all is well. */
export const nothingToPublish: Invariant = ({ dump }) => ({
  number: 13,
  name: "nothing is left in the outbox",
  checked: dump.executions.length,
  violations: [
    ...dump.executions.flatMap(({ id, mark }) => (mark ? [`execution ${id} has the mark ${mark}`] : [])),
    ...dump.refusals.map(({ request_id }) => `a refused attempt at ${request_id} is not published`),
  ],
});

/** 14. Reading every topic once more from its beginning changes nothing and runs nothing. */
export const replayChangesNothing: Invariant = ({ replay }) => ({
  number: 14,
  name: "a replay changes nothing",
  checked: replay.wasDone ? 1 : 0,
  violations: [...replay.changes, ...(replay.runs > 0 ? [`the replay started ${replay.runs} runs`] : [])],
});

/** 15. A malformed record is a dead letter with its bytes, and lag is 0. */
export const malformedIsDeadLettered: Invariant = ({ malformed, dump, lag }) => {
  const kept = new Set(dump.deadLetters.map(({ value }) => value));
  const owed = malformed.filter(({ excused }) => !excused);
  const violations = owed
    .filter(({ value }) => !kept.has(value))
    .map(({ topic, value }) => `a malformed record of ${topic} is no dead letter: ${value?.slice(0, 60)}`);
  if (lag !== 0) violations.push(`the groups lag by ${lag} records`);
  return { number: 15, name: "malformed records are dead letters", checked: owed.length, violations };
};

export const restMsMax = 120_000;

/** 16. Within 120 s of the last heal everything is final and read. */
export const liveness: Invariant = ({ restMs, dump }) => ({
  number: 16,
  name: "liveness",
  checked: dump.executions.length,
  violations:
    restMs === null || restMs > restMsMax ? [`not at rest within ${restMsMax / 1_000} s of the heal`] : [],
  note: restMs === null ? "never at rest" : `at rest after ${(restMs / 1_000).toFixed(1)} s`,
});

export const readyMsMax = 30_000;

/** 17. After the heal nobody is stuck: every process is ready, and soon. */
export const noLiveCorpse: Invariant = ({ stuck, counters }) => ({
  number: 17,
  name: "no live corpse",
  checked: counters.heartbeats ?? 1,
  violations: stuck,
});

/** 18. All other invariants held though wall clocks of single processes were set an hour forward and back. */
export const clocksDoNotMatter: Invariant = ({ clocksSet }) => ({
  number: 18,
  name: "wall clocks do not matter: all the others held",
  checked: clocksSet,
  violations: [],
  note: `${clocksSet} times set`,
});

/** What compose.yaml gives a service. */
const bytesMax = 512 * 2 ** 20;
const handlesMax = 1_000;
/** Of a process's life, before which its memory may still grow. */
const grownUpMs = 3 * 60_000;
const growth = { times: 1.5, bytes: 64 * 2 ** 20 };

/** 19. No unhandled rejection, no secret and no payload in a log, no server error, no orphan, bounded memory. */
export const hygiene: Invariant = ({ logs, secrets, history, usage, orphans }) => {
  const violations = logs.flatMap(({ name, text }) => [
    ...(/unhandled/i.test(text) ? [`the log of ${name} tells of something unhandled`] : []),
    ...secrets.filter((secret) => text.includes(secret)).map((secret) => `the log of ${name} has ${secret}`),
  ]);
  if (history.answers["500"]) violations.push(`${history.answers["500"]} answers were 500`);
  violations.push(...orphans.map((name) => `${name} was still there when all had been stopped`));
  const ours = usage.filter(({ name }) => !isServer(name));
  let peak = 0;
  for (const { name, pid, samples } of ours) {
    const most = Math.max(...samples.map(({ bytes }) => bytes));
    peak = Math.max(peak, most);
    if (most > bytesMax) violations.push(`${name} ${pid} had ${megabytes(most)} of memory`);
    const handles = Math.max(...samples.map((one) => one.handles));
    if (handles > handlesMax) violations.push(`${name} ${pid} had ${handles} open files`);
    const late = samples.filter(({ ageMs }) => ageMs > grownUpMs);
    const third = Math.floor(late.length / 3);
    if (third < 6) continue;
    const middle = (of: typeof samples) =>
      of.map(({ bytes }) => bytes).toSorted((a, b) => a - b)[of.length >> 1] ?? 0;
    const [early, last] = [middle(late.slice(0, third)), middle(late.slice(-third))];
    if (last > early * growth.times + growth.bytes)
      violations.push(`${name} ${pid} grew from ${megabytes(early)} to ${megabytes(last)}`);
  }
  return {
    number: 19,
    name: "hygiene of logs, answers, memory and processes",
    checked: logs.length + ours.length,
    violations,
    note: `at most ${megabytes(peak)} in one process`,
  };
};

const megabytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;

/** 0. What is promised about each single fault: to end with 0, to be ready again in time, to be refused. */
export const faultsAsPromised: Invariant = ({ broken, faultsDone }) => ({
  number: 0,
  name: "each fault went as promised",
  checked: faultsDone,
  violations: broken,
});

import { topics } from "@sate/contracts";
import type { Invariant } from "../evidence.ts";

/** 12. Every record that was consumed speaks of an execution that the database knows, or is a dead letter. */
export const consumedIsKnown: Invariant = ({ dump }) => {
  const known = new Set(dump.executions.map(({ id }) => id));
  const letters = new Set(dump.deadLetters.map(({ _id }) => _id.split("/").slice(0, 3).join("/")));
  const violations: string[] = [];
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
  return { number: 12, name: "what was consumed is known", checked, violations };
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
  name: "no outbox mark is left",
  checked: dump.executions.length,
  violations: dump.executions.flatMap(({ id, mark }) =>
    mark ? [`execution ${id} has the mark ${mark}`] : [],
  ),
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

/** 17. After the heal nobody is stuck: every process is ready. */
export const noLiveCorpse: Invariant = ({ notReady }) => ({
  number: 17,
  name: "no live corpse",
  checked: 1,
  violations: notReady.map((name) => `${name} is not ready after the heal`),
});

/** 19. No unhandled rejection, no secret and no payload in a log, no server error for a client's mistake. */
export const hygiene: Invariant = ({ logs, secrets, history }) => {
  const violations = logs.flatMap(({ name, text }) => [
    ...(/unhandled/i.test(text) ? [`the log of ${name} tells of something unhandled`] : []),
    ...secrets.filter((secret) => text.includes(secret)).map((secret) => `the log of ${name} has ${secret}`),
  ]);
  if (history.answers["500"]) violations.push(`${history.answers["500"]} answers were 500`);
  return { number: 19, name: "hygiene of logs and answers", checked: logs.length, violations };
};

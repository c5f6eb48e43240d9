import { executionsByRequest, type Invariant, isFinal } from "../evidence/evidence.ts";

/** 1. Every 2xx has exactly one stored request or execution, and the execution is final at the end. */
export const nothingAcknowledgedIsLost: Invariant = ({ history, dump }) => {
  const stored = Map.groupBy(dump.requests, ({ id }) => id);
  const executions = Map.groupBy(dump.executions, ({ id }) => id);
  const violations: string[] = [];
  for (const id of history.requests.keys()) {
    const count = stored.get(id)?.length ?? 0;
    if (count !== 1) violations.push(`request ${id} was acknowledged and is stored ${count} times`);
  }
  for (const { executionId } of history.executions) {
    const own = executions.get(executionId) ?? [];
    if (own.length !== 1) violations.push(`execution ${executionId} is stored ${own.length} times`);
  }
  for (const { id, status } of dump.executions) {
    if (!isFinal(status)) violations.push(`execution ${id} is still ${status}`);
  }
  const checked = history.requests.size + history.executions.length;
  return { number: 1, name: "nothing acknowledged is lost", checked, violations };
};

/** 2. A submit without an answer left at most one effect, a refused one none. */
export const noUnaskedEffects: Invariant = ({ history, dump }) => {
  const counts = new Map<string, number>();
  for (const { payload } of dump.requests) {
    const { token } = JSON.parse(payload) as { token?: string };
    if (token) counts.set(token, (counts.get(token) ?? 0) + 1);
  }
  const violations: string[] = [];
  for (const [token, count] of counts) {
    if (count > 1) violations.push(`payload ${token} was sent once and is stored ${count} times`);
  }
  for (const token of history.refused) {
    if (counts.has(token)) violations.push(`payload ${token} was refused and is stored`);
  }
  const checked = history.unanswered.size + history.refused.size + history.requests.size;
  return { number: 2, name: "no answer: at most one effect; a refusal: none", checked, violations };
};

/** 6. Attempts of a request are 1, 2, 3, … without a gap. */
export const attemptsAreDense: Invariant = (evidence) => {
  const byRequest = executionsByRequest(evidence);
  const violations = [...byRequest].flatMap(([id, own]) =>
    own.every(({ attempt }, at) => attempt === at + 1)
      ? []
      : [`request ${id} has the attempts ${own.map(({ attempt }) => attempt).join(", ")}`],
  );
  return { number: 6, name: "attempts are dense", checked: byRequest.size, violations };
};

/** 10. A final status never changes, and a read after a 2xx sees what was acknowledged. */
export const finalStaysFinal: Invariant = ({ history, dump }) => {
  const last = new Map<string, string>();
  const violations = [...history.unread];
  for (const { executionId, status } of history.seen) {
    const before = last.get(executionId);
    if (before !== undefined && isFinal(before) && before !== status) {
      violations.push(`execution ${executionId} was ${before}, then ${status}`);
    }
    last.set(executionId, status);
  }
  for (const { id, status } of dump.executions) {
    const before = last.get(id);
    if (before !== undefined && isFinal(before) && before !== status) {
      violations.push(`execution ${id} was read as ${before} and is ${status}`);
    }
  }
  return {
    number: 10,
    name: "final stays final, reads see what was acknowledged",
    checked: history.seen.length,
    violations,
  };
};

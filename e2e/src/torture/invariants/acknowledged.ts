import { executionsByRequest, invariant, isFinal, isRemoved } from "../evidence/evidence.ts";

/** What clients were told still holds at the end. */
export const acknowledged = [
  invariant(1, "nothing acknowledged is lost, and everything is final", ({ history, dump }, violation) => {
    const stored = Map.groupBy([...dump.requests, ...dump.executions], ({ id }) => id);
    for (const id of [...history.requests.keys(), ...history.executions.map((one) => one.executionId)]) {
      const count = stored.get(id)?.length ?? 0;
      if (count !== 1) violation(`${id} was acknowledged and is stored ${count} times`);
    }
    for (const { id, status } of dump.executions) {
      if (!isFinal(status)) violation(`execution ${id} is still ${status}`);
    }
    return history.requests.size + history.executions.length;
  }),

  invariant(
    2,
    "a submission without a response has at most one effect, a refused one none",
    (evidence, violation) => {
      const { history, dump } = evidence;
      // Stubs have no payload.
      const payloads = dump.requests.flatMap(({ payload, removed_at }) => (removed_at ? [] : [payload]));
      const tokens = payloads.map((payload) => (JSON.parse(payload) as { token?: string }).token);
      for (const [token, own] of Map.groupBy(tokens, (each) => each)) {
        if (token === undefined) continue;
        if (own.length > 1) violation(`payload ${token} was sent once and is stored ${own.length} times`);
        if (history.refused.has(token)) violation(`payload ${token} was refused and is stored`);
      }
      return history.unanswered.size + history.refused.size + history.requests.size;
    },
  ),

  invariant(6, "attempts are dense", (evidence, violation) => {
    const byRequest = executionsByRequest(evidence);
    for (const [id, own] of byRequest) {
      const attempts = own.map(({ attempt }) => attempt);
      if (attempts.some((attempt, at) => attempt !== at + 1))
        violation(`request ${id} has attempts ${attempts}`);
    }
    return byRequest.size;
  }),

  invariant(
    10,
    "a final status stays, and reads see what was acknowledged",
    ({ history, dump }, violation) => {
      history.unread.forEach(violation);
      const last = new Map<string, string>();
      const kept = dump.executions.filter((execution) => !isRemoved(execution));
      const stored = kept.map(({ id, status }) => ({ executionId: id, status }));
      for (const { executionId, status } of [...history.seen, ...stored]) {
        const before = last.get(executionId);
        if (before !== undefined && isFinal(before) && before !== status) {
          violation(`execution ${executionId} was read as ${before}, and later as ${status}`);
        }
        last.set(executionId, status);
      }
      return history.seen.length;
    },
  ),
];

import { createHash } from "node:crypto";
import { executionsByRequest, type Invariant } from "../evidence/evidence.ts";

const failures = new Set(["failed", "dead_lettered"]);

/** 7. Never more failed executions than allowed, and every refused attempt has its dead letter. */
export const failuresAreBounded: Invariant = (evidence) => {
  const { maxFailures, history, dump } = evidence;
  const violations: string[] = [];
  const byRequest = executionsByRequest(evidence);
  for (const [id, own] of byRequest) {
    const failed = own.filter(({ status }) => failures.has(status)).length;
    if (failed > maxFailures) violations.push(`request ${id} has failed ${failed} times`);
  }
  const letters = Map.groupBy(
    dump.deadLetters.filter(({ reason }) => reason === "max_failures"),
    ({ key }) => key,
  );
  for (const [id, refusals] of Map.groupBy(history.exhausted, ({ requestId }) => requestId)) {
    const count = letters.get(id)?.length ?? 0;
    if (count < refusals.length)
      violations.push(`request ${id}: ${refusals.length} refused, ${count} dead letters`);
  }
  return {
    number: 7,
    name: "failures are bounded, refusals are dead letters",
    checked: byRequest.size,
    violations,
  };
};

/** 8. Exactly one result for each execution, and both databases agree on it. */
export const oneResult: Invariant = ({ dump }) => {
  const results = Map.groupBy(dump.results, ({ execution_id }) => execution_id);
  const violations: string[] = [];
  for (const { id, status, result_id } of dump.executions) {
    // A queued execution that is cancelled has a result as well.
    const own = results.get(id) ?? [];
    if (own.length !== 1) violations.push(`execution ${id}, ${status}, has ${own.length} results`);
    else if (own[0]?.is_success !== (status === "succeeded"))
      violations.push(`execution ${id} is ${status}, its result says otherwise`);
    else if (own[0]?.id !== result_id) violations.push(`execution ${id} has another result than its own`);
    results.delete(id);
  }
  for (const id of results.keys()) violations.push(`there is a result of ${id}, which is no execution`);
  return { number: 8, name: "one result, agreed", checked: dump.executions.length, violations };
};

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

/** 9. The payload as sent is the one stored, the one that the handler saw and the one in the result. */
export const integrity: Invariant = ({ history, dump }) => {
  const violations: string[] = [];
  const stored = new Map(dump.requests.map(({ id, payload }) => [id, payload]));
  for (const [id, { payload }] of history.requests) {
    if (stored.has(id) && stored.get(id) !== payload) violations.push(`the payload of ${id} has changed`);
  }
  const outputs = new Map(dump.executions.map((execution) => [execution.id, execution.outputs]));
  let checked = stored.size;
  for (const result of dump.results) {
    const sent = history.requests.get(result.request_id)?.payload ?? stored.get(result.request_id);
    if (sent === undefined) continue;
    checked++;
    if (result.payload !== sent) violations.push(`the result of ${result.execution_id} has another payload`);
    if (!result.is_success) continue;
    const { sha256: seen } = JSON.parse(result.outputs) as { sha256?: string };
    if (seen !== undefined && seen !== sha256(sent))
      violations.push(`the handler of ${result.execution_id} saw another payload`);
    const own = outputs.get(result.execution_id);
    if (own !== result.outputs) violations.push(`the outputs of ${result.execution_id} differ`);
  }
  return { number: 9, name: "integrity of payloads and outputs", checked, violations };
};

import { type Evidence, invariant, isRemoved, type StoredExecution } from "../evidence/evidence.ts";

/** Executions by id, without those that were removed. */
const keptExecutions = ({ dump }: Evidence): Map<string, StoredExecution> =>
  new Map(dump.executions.flatMap((one) => (isRemoved(one) ? [] : [[one.id, one] as const])));

/** What clients that repeat a call, wait for it or stream it were told. */
export const callers = [
  invariant(26, "one Idempotency-Key has one effect, and all callers get its ids", (evidence, violation) => {
    const { journal, dump } = evidence;
    for (const [key, answers] of journal.keyed) {
      const ids = new Set(answers);
      if (ids.size > 1) violation(`calls with the key ${key} got ${[...ids].join(" and ")}`);
    }
    // That there is one request for each key follows from 2: each payload is stored once.
    const keys = dump.executions.flatMap(({ request_id, key_hash }) =>
      key_hash ? [`${request_id} under ${key_hash}`] : [],
    );
    for (const [key, own] of Map.groupBy(keys, (each) => each))
      if (own.length > 1) violation(`${own.length} executions of ${key}`);
    return journal.keyed.size;
  }),

  invariant(29, "a final response to Prefer: wait has the result that is stored", (evidence, violation) => {
    const stored = keptExecutions(evidence);
    for (const { executionId, status, resultId } of evidence.journal.waited) {
      const execution = stored.get(executionId);
      if (execution && (execution.status !== status || execution.result_id !== resultId))
        violation(
          `a wait for ${executionId} returned ${status} with ${resultId}, stored is ${execution.status} with ${execution.result_id}`,
        );
    }
    return evidence.journal.waited.length;
  }),

  invariant(30, "an event stream shows the final status and the result once", (evidence, violation) => {
    const stored = keptExecutions(evidence);
    const { streamed } = evidence.journal;
    for (const { executionId, finals, results } of streamed) {
      const execution = stored.get(executionId);
      const { status = finals[0], result_id = results[0] } = execution ?? {};
      if (finals.length !== 1 || finals[0] !== status)
        violation(`a stream of ${executionId} showed [${finals}], stored is ${status}`);
      if (results.length !== 1 || results[0] !== result_id)
        violation(`a stream of ${executionId} had the results [${results}], stored is ${result_id}`);
    }
    return [streamed.length, `${streamed.filter(({ connections }) => connections > 1).length} reconnected`];
  }),
];

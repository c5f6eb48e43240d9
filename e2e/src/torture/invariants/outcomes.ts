import { createHash } from "node:crypto";
import { trials } from "../../runs/trials.ts";
import {
  executionsByRequest,
  invariant,
  isRemoved,
  removedRequests,
  type StoredExecution,
} from "../evidence/evidence.ts";
import { cancelled } from "../load/operator.ts";

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

/** How many times each key occurs. */
export function countBy(keys: Iterable<string>): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const key of keys) counts[key] = (counts[key] ?? 0) + 1;
  return counts;
}

const hasFailed = ({ status }: StoredExecution) => status === "failed" || status === "dead_lettered";

/** The key of the execution that the replay of a dead letter starts, as requests-service stores it. */
export const keyOfReplay = (deadLetterId: string) => sha256(JSON.stringify(["dead letter", deadLetterId]));

/** The message of a timeout that requests-service decides itself. */
const ownTimeout = "The execution did not end before its deadline.";

/** Whether the execution ran more than once. */
const isRunAgain = ({ epoch, lost, tries }: StoredExecution) => epoch > 1 || lost > 0 || tries > 0;

/** Results, failures, and the bytes of payloads and outputs. */
export const outcomes = [
  invariant(7, "failures are bounded, and refused attempts are dead letters", (evidence, violation) => {
    const { maxFailures, history, dump } = evidence;
    const byRequest = executionsByRequest(evidence);
    const replays = new Set(dump.deadLetters.map(({ _id }) => keyOfReplay(_id)));
    const isReplay = ({ key_hash }: StoredExecution) => replays.has(key_hash ?? "");
    for (const [id, own] of byRequest) {
      // Only replays of dead letters are admitted after that many.
      const last = own.findLastIndex((execution) => !isReplay(execution) && !isRemoved(execution));
      const failed = own.slice(0, last).filter(hasFailed).length;
      if (failed >= maxFailures) violation(`request ${id} was executed after ${failed} failures`);
    }
    const refusals = dump.deadLetters.filter(({ reason }) => reason === "max_failures");
    const letters = countBy(refusals.map(({ key }) => key ?? ""));
    const removed = removedRequests(evidence);
    for (const [id, count] of Object.entries(countBy(history.exhausted))) {
      if (!removed.has(id) && (letters[id] ?? 0) < count)
        violation(`request ${id}: ${count} refused, ${letters[id] ?? 0} dead letters`);
    }
    return byRequest.size;
  }),

  invariant(8, "each execution has one result, and both databases agree", ({ dump }, violation) => {
    const results = Map.groupBy(dump.results, ({ execution_id }) => execution_id);
    for (const { id, status, result_id } of dump.executions) {
      if (isRemoved({ status })) continue;
      // An execution that was cancelled while queued has a result, too.
      const own = results.get(id) ?? [];
      if (own.length !== 1) violation(`execution ${id}, ${status}, has ${own.length} results`);
      else if (own[0]?.is_success !== (status === "succeeded"))
        violation(`execution ${id} is ${status}, its result says otherwise`);
      else if (own[0]?.id !== result_id) violation(`execution ${id} has the result of another run`);
      results.delete(id);
    }
    for (const id of results.keys()) violation(`there is a result of ${id}, which is not stored`);
    return dump.executions.length;
  }),

  invariant(9, "payloads and outputs are byte for byte what was sent", ({ history, dump }, violation) => {
    const kept = dump.requests.filter(({ removed_at }) => !removed_at);
    const stored = new Map(kept.map(({ id, payload }) => [id, payload]));
    for (const [id, { payload }] of history.requests) {
      if (stored.has(id) && stored.get(id) !== payload) violation(`the payload of ${id} has changed`);
    }
    const outputs = new Map(dump.executions.map((execution) => [execution.id, execution.outputs]));
    let checked = stored.size;
    for (const { request_id, execution_id, ...result } of dump.results) {
      const sent = history.requests.get(request_id)?.payload ?? stored.get(request_id);
      if (sent === undefined) continue;
      checked++;
      if (result.payload !== sent) violation(`the result of ${execution_id} has another payload`);
      if (!result.is_success) continue;
      const { sha256: seen } = JSON.parse(result.outputs) as { sha256?: string };
      if (seen !== undefined && seen !== sha256(sent))
        violation(`the handler of ${execution_id} saw another payload`);
      if (outputs.get(execution_id) !== result.outputs) violation(`the outputs of ${execution_id} differ`);
    }
    return checked;
  }),

  // A handler that harms its process (F17, F18) ends its own execution and no other.
  invariant(23, "each execution ends as its processor does, with the reason", (evidence, violation) => {
    const { history, dump, fullDisks } = evidence;
    const ends = new Map(trials.map((trial) => [trial.name, trial.ends]));
    const runAgain = new Set(dump.executions.flatMap((one) => (isRunAgain(one) ? [one.id] : [])));
    const counts: Record<string, number> = {};
    let checked = 0;
    for (const { request_id, execution_id, is_success, error, tries } of dump.results) {
      const { processor: name = "", labels = {} } = history.requests.get(request_id) ?? {};
      const { code, message } = JSON.parse(error ?? "{}") as { code?: string; message?: string };
      const end = is_success ? "succeeded" : String(code);
      counts[end] = (counts[end] ?? 0) + 1;
      const own = ends.get(name);
      if (own === undefined) continue;
      checked++;
      // It has lost time with its workers or between its tries, or it was lost too often with its workers.
      const isAgain = runAgain.has(execution_id) && (end === "timeout" || end === "lost");
      // It was handed back after its only claim, and no worker had room for it in time.
      const hasWaited = message === ownTimeout && (tries ?? 0) === 0;
      const isCancelled = end === "cancelled" && labels[cancelled.name] === cancelled.value;
      // A handler that cannot write its log fails.
      const isUnlogged = fullDisks.length > 0 && !is_success;
      if (!own.includes(end) && !isAgain && !hasWaited && !isCancelled && !isUnlogged)
        violation(`execution ${execution_id} of ${name} ended as ${end}`);
    }
    const note = Object.entries(counts).map(([end, count]) => `${count} ${end}`);
    return [checked, note.join(", ")];
  }),
];

import { trials } from "../../runs/trials.ts";
import {
  type Evidence,
  invariant,
  isRemoved,
  removedRequests,
  type StoredExecution,
} from "../evidence/evidence.ts";
import { cancelled } from "../load/operator.ts";

/** Whether nothing of the content of the execution is left. */
const isStub = (one: StoredExecution) =>
  isRemoved(one) && !!one.removed_at && !one.outputs && !one.outcome && !one.result_id && !one.labels;

/** What both databases hold that a removed request does not have, with the ids of the requests that have it. */
function contentOf({ dump, stalls }: Evidence): [what: string, requestIds: (string | null)[]][] {
  const { requests, executions, results, deadLetters, logs } = dump;
  return [
    ["a payload", requests.filter(({ payload }) => payload !== "").map(({ id }) => id)],
    ["labels", requests.filter(({ labels }) => labels).map(({ id }) => id)],
    ["an execution that is no stub", executions.filter((one) => !isStub(one)).map((one) => one.request_id)],
    ["a result", results.map(({ request_id }) => request_id)],
    ["a dead letter", deadLetters.map(({ key }) => key)],
    // A service that was frozen while it stored one may leave it behind.
    ["a log", stalls.length > 0 ? [] : logs],
  ];
}

/** Executions that have run, or of whose end the webhook was told. */
const endedIn = ({ runs, webhook }: Evidence): Set<string> =>
  new Set([...runs.map((run) => run.execution_id), ...webhook.delivered.map((one) => one.executionId)]);

const timesOut = new Set(trials.filter(({ ends }) => ends.includes("timeout")).map(({ name }) => name));

export const removals = [
  invariant(
    28,
    "what was removed is gone for good, and nothing active was removed",
    (evidence, violation) => {
      const { journal, history, runs, fullDisks } = evidence;
      const removed = removedRequests(evidence);
      journal.served.forEach(violation);
      for (const id of journal.removed.keys())
        if (!removed.has(id)) violation(`request ${id} was removed and is back`);
      for (const id of removed)
        if (!journal.removing.has(id)) violation(`request ${id} was removed by nobody`);
      for (const [what, ids] of contentOf(evidence))
        for (const id of ids)
          if (removed.has(id ?? "")) violation(`of the removed request ${id} there is ${what}`);

      for (const { event, request_id, execution_id, monotonic_ns } of runs) {
        const at = journal.removed.get(request_id);
        if (event === "start" && at !== undefined && BigInt(monotonic_ns) > at)
          violation(`${execution_id} ran after its removal`);
      }
      const ended = endedIn(evidence);
      for (const { requestId, executionId } of history.executions) {
        const { labels, processor = "" } = history.requests.get(requestId) ?? {};
        // It may have ended without a run, if the only one was lost before it began and its deadline passed; or without a
        // trace of its run, because HTTP endpoints do not log theirs.
        const isExcused =
          fullDisks.length > 0 ||
          labels?.[cancelled.name] ||
          timesOut.has(processor) ||
          processor.startsWith("trial-http-");
        if (removed.has(requestId) && !ended.has(executionId) && !isExcused)
          violation(`${executionId} was removed before it ran`);
      }
      return [removed.size, `${journal.revisits} uses afterwards`];
    },
  ),
];

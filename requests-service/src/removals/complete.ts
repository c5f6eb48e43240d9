import { type ExecutionKey, limits, outcomeMark } from "@sate/contracts";
import { failpoint, inParts } from "@sate/contracts/runtime";
import { type Execution, removalMarks } from "../executions/execution.ts";
import type { ConfirmRecorded } from "../outbox/confirm-recorded.ts";
import type { Marked, Ports } from "../ports.ts";

/**
 * Removes everything of requests whose removal was admitted. Every step may be repeated, by any number of processes at
 * once, and the mark of the removal is changed last: so a sweep completes what a crash in any gap has left.
 *
 * 1. All results are recorded, so no execution has a mark. A marked outcome is still to be published, with the payload.
 * 2. results-listener removes results and dead letters, and does not record them again.
 * 3. The request becomes a stub: from then on it is not served.
 * 4. The executions become stubs.
 * 5. Logs and refused attempts go.
 *
 * Returns the ids of the requests whose removal is complete. The others have an outcome whose result is not known to be
 * recorded yet. Rejects when a dependency does not respond.
 */
export type CompleteRemovals = (removals: ExecutionKey[]) => Promise<string[]>;

export type Removing = {
  complete: CompleteRemovals;
  /** Deletes the logs and the refused attempts of these requests. */
  removeTraces(removals: ExecutionKey[]): Promise<void>;
  /** Deletes the dead letters of these requests. */
  removeDeadLetters(removals: ExecutionKey[]): Promise<void>;
  removeLogs(executions: ExecutionKey[]): Promise<void>;
};

/** Small batches keep each delete short. */
const chunksAtOnce = 200;

export function createRemoving(ports: Ports, confirmRecorded: ConfirmRecorded): Removing {
  const { store, resultsRemoval, counters } = ports;

  /** Each removal with the executions of its request: those before its attempt. */
  async function withExecutions(removals: ExecutionKey[]) {
    const found = await store.executions.ofRequests(removals.map(({ request_id }) => request_id));
    return removals.map((removal) => {
      const all = found.get(removal.request_id) ?? [];
      return { removal, executions: all.filter(({ attempt }) => attempt < removal.attempt) };
    });
  }

  /** Removes the marks of those whose result is recorded. */
  async function confirm(marked: Execution[]): Promise<void> {
    for (const part of inParts(marked, { itemsMax: limits.confirmMax })) {
      const recorded = await confirmRecorded(part);
      // Those that were published a moment ago, and still have their outbox marks.
      const published = part.filter(({ mark }, index) => recorded[index] && mark === outcomeMark);
      await store.outbox.clear(published as Marked[]);
      await store.confirmations.confirm(published);
    }
  }

  async function removeResults(requests: string[], executions: Execution[]): Promise<void> {
    const removed_at = store.now();
    const parts = inParts(executions, { itemsMax: limits.removedResultsMax });
    for (const [index, part] of (parts.length === 0 ? [[]] : parts).entries()) {
      await resultsRemoval.removeResults({
        executions: part.map(keyOf),
        requests: index === 0 ? requests : [],
        dead_letters: part.flatMap(({ outcome }) =>
          outcome?.status === "dead_lettered" ? outcome.result_id : [],
        ),
        removed_at,
      });
    }
  }

  async function removeLogs(executions: ExecutionKey[]): Promise<void> {
    for (const part of inParts(executions, { itemsMax: limits.confirmMax })) {
      let removed = chunksAtOnce;
      while (removed === chunksAtOnce) removed = await store.removals.removeLogs(part, chunksAtOnce);
    }
  }

  async function removeTraces(removals: ExecutionKey[]): Promise<void> {
    const executions = removals.flatMap(({ request_id, attempt }) =>
      Array.from({ length: attempt - 1 }, (_, index) => ({ request_id, attempt: index + 1 })),
    );
    await removeLogs(executions);
    await store.removals.removeRefusals(removals.map(({ request_id }) => request_id));
  }

  return {
    removeTraces,
    removeLogs,
    async removeDeadLetters(removals) {
      const ids = removals.map(({ request_id }) => request_id);
      if (ids.length > 0) await removeResults(ids, []);
    },
    async complete(removals) {
      let found = await withExecutions(removals);
      const marked = found.flatMap(({ executions }) => executions.filter(isMarked));
      if (marked.length > 0) {
        await confirm(marked);
        // A process that checked before the result was recorded may have marked the outcome again in the meantime.
        // An execution that has no mark now never gets one again.
        found = await withExecutions(removals);
      }
      const unmarked = found.filter(({ executions }) => !executions.some(isMarked));
      if (unmarked.length === 0) return [];
      const ready = unmarked.map(({ removal }) => removal);
      const ids = ready.map(({ request_id }) => request_id);
      const executions = unmarked.flatMap((one) => one.executions);

      await removeResults(ids, executions);
      failpoint("requests-service.results-removed");
      await store.requests.remove(ids);
      failpoint("requests-service.request-removed");
      await store.removals.empty(executions.map(emptied), "removed");
      failpoint("requests-service.executions-removed");
      await removeTraces(ready);
      failpoint("requests-service.traces-removed");
      await store.removals.setMark(ready.map(begun), removalMarks.done);
      counters.add("requests_removed", ready.length);
      return ids;
    },
  };
}

const isMarked = ({ mark }: Execution): boolean => mark !== undefined;
const keyOf = ({ request_id, attempt }: ExecutionKey): ExecutionKey => ({ request_id, attempt });
const begun = (removal: ExecutionKey): Marked => ({ ...keyOf(removal), mark: removalMarks.begun });

/** The number of tries is part of the outcome, which goes. */
export function emptied(execution: Execution) {
  return { ...keyOf(execution), tries: execution.outcome?.tries ?? execution.tries };
}

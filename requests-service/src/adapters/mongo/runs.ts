import { type ExecutionRef, executionMark, outcomeMark, type RunRef } from "@sate/contracts";
import type { Document } from "mongodb";
import type { Runs } from "../../ports.ts";
import { claimResult } from "../stored.ts";
import { type MongoAccess, page } from "./access.ts";
import { type ExecutionDocument, executionOf, idOf, outcomeFields, withoutOutputs } from "./documents.ts";

export function mongoRuns({ executions, guarded, each }: MongoAccess): Runs {
  /** The execution that each reference names, or `undefined` if it does not exist. */
  async function byRefs(refs: ExecutionRef[]): Promise<(ExecutionDocument | undefined)[]> {
    const keys = [...new Set(refs.map(idOf))];
    const found = await executions.find({ _id: { $in: keys } }, { projection: withoutOutputs }).toArray();
    const byKey = new Map(found.map((document) => [document._id, document]));
    return refs.map((ref) => {
      const document = byKey.get(idOf(ref));
      return document?.id === ref.execution_id ? document : undefined;
    });
  }

  /** Ends these runs: updates each execution that is still running with this epoch. Returns whether all were updated. */
  async function updateRuns<R extends RunRef>(
    runs: R[],
    update: (run: R) => Document,
    filter: Document = {},
  ): Promise<boolean> {
    const operations = runs.map((run) => ({
      updateOne: {
        filter: { _id: idOf(run), id: run.execution_id, status: "running", epoch: run.epoch, ...filter },
        update: { ...update(run), $unset: { worker_id: "", claim_id: "" } },
      },
    }));
    const { matchedCount } = await executions.bulkWrite(operations as never[], { ordered: false });
    return matchedCount === runs.length;
  }

  return {
    claim: guarded(async ({ worker_id, claim_id }, refs) => {
      if (refs.length === 0) return { held: [], refused: 0 };
      const keys = refs.map(idOf);
      // Ids of executions are unique, so the two lists together match exactly the pairs.
      const ids = refs.map(({ execution_id }) => execution_id);
      await executions.updateMany(
        { _id: { $in: keys }, id: { $in: ids }, status: "queued" },
        {
          $set: { status: "running", worker_id, claim_id, cancel_requested: false },
          $inc: { epoch: 1 },
          $unset: { mark: "" },
        },
      );
      const found = [...new Set(await byRefs(refs))];
      return claimResult(
        { worker_id, claim_id },
        found.flatMap((document) => (document ? executionOf(document) : [])),
      );
    }),
    queued: guarded(async (limit) => {
      const projection = { request_id: 1, attempt: 1, id: 1 };
      const found = await page(executions, { status: "queued" }, { limit, projection });
      return found.map(({ request_id, attempt, id }) => ({ request_id, attempt, execution_id: id }));
    }),
    finish: each(async (runs) => {
      const areAllSet = await updateRuns(runs, ({ outcome, lost }) => ({
        $set: { ...outcomeFields(outcome), ...(lost !== undefined && { lost }), mark: outcomeMark },
      }));
      if (areAllSet) return runs.map(() => "stored" as const);
      const now = await byRefs(runs);
      return runs.map(({ outcome }, index) => {
        const document = now[index];
        if (!document) return "unknown";
        return document.result_id === outcome.result_id ? "stored" : "refused";
      });
    }),
    requeue: each(async (runs, isLost) => {
      const isAllowed = { cancel_requested: false };
      const toQueued = ({ epoch }: RunRef) => ({
        $set: { status: "queued", mark: executionMark(epoch) },
        $inc: { lost: isLost ? 1 : 0 },
      });
      if (await updateRuns(runs, toQueued, isAllowed)) return runs.map(() => true);
      const now = await byRefs(runs);
      return runs.map(({ epoch }, index) => now[index]?.status === "queued" && now[index].epoch === epoch);
    }),
    running: guarded(async ({ worker_id, claim_id, after, limit }) => {
      const filter = {
        status: "running",
        ...(worker_id !== undefined && { worker_id }),
        ...(claim_id !== undefined && { claim_id }),
      };
      const above = after && idOf(after);
      const found = await page(executions, filter, { after: above, limit, projection: withoutOutputs });
      return found.map(executionOf);
    }),
  };
}

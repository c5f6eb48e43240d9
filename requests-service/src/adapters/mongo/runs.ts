import { type ExecutionRef, executionMark, outcomeMark } from "@sate/contracts";
import type { AnyBulkWriteOperation, Collection, Document } from "mongodb";
import type { Runs } from "../../ports.ts";
import { claimResult } from "../claim-result.ts";
import { type ExecutionDocument, executionOf, idOf, outcomeFields, withoutOutputs } from "./documents.ts";
import type { Guarded } from "./guarded.ts";

export function mongoRuns(executions: Collection<ExecutionDocument>, guarded: Guarded): Runs {
  /** For each, the execution that it refers to, if it exists. */
  async function byRefs(refs: ExecutionRef[]): Promise<(ExecutionDocument | undefined)[]> {
    const keys = [...new Set(refs.map(idOf))];
    const found = await executions.find({ _id: { $in: keys } }, { projection: withoutOutputs }).toArray();
    const byKey = new Map(found.map((document) => [document._id, document]));
    return refs.map((ref) => {
      const document = byKey.get(idOf(ref));
      return document?.id === ref.execution_id ? document : undefined;
    });
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
      const found = await executions
        .find({ _id: { $in: keys }, id: { $in: ids } }, { projection: withoutOutputs })
        .toArray();
      return claimResult({ worker_id, claim_id }, found.map(executionOf));
    }),
    queued: guarded(async (limit) => {
      const found = await executions
        .find({ status: "queued" }, { projection: { request_id: 1, attempt: 1, id: 1 } })
        .sort({ _id: 1 })
        .limit(limit)
        .toArray();
      return found.map(({ request_id, attempt, id }) => ({ request_id, attempt, execution_id: id }));
    }),
    finish: guarded(async (runs) => {
      if (runs.length === 0) return [];
      const { matchedCount } = await executions.bulkWrite(
        runs.map(({ execution_id, epoch, outcome, lost, ...key }) => {
          return conditional(
            { _id: idOf(key), id: execution_id, status: "running", epoch },
            {
              $set: { ...outcomeFields(outcome), ...(lost !== undefined && { lost }), mark: outcomeMark },
              $unset: { worker_id: "", claim_id: "" },
            },
          );
        }),
        { ordered: false },
      );
      if (matchedCount === runs.length) return runs.map(() => "stored" as const);
      const now = await byRefs(runs);
      return runs.map(({ outcome }, index) => {
        const document = now[index];
        if (!document) return "unknown";
        return document.result_id === outcome.result_id ? "stored" : "refused";
      });
    }),
    requeue: guarded(async (runs, isLost) => {
      if (runs.length === 0) return [];
      const { matchedCount } = await executions.bulkWrite(
        runs.map(({ execution_id, epoch, ...key }) => {
          return conditional(
            { _id: idOf(key), id: execution_id, status: "running", epoch, cancel_requested: false },
            {
              $set: { status: "queued", mark: executionMark(epoch) },
              $inc: { lost: isLost ? 1 : 0 },
              $unset: { worker_id: "", claim_id: "" },
            },
          );
        }),
        { ordered: false },
      );
      if (matchedCount === runs.length) return runs.map(() => true);
      const now = await byRefs(runs);
      return runs.map(({ epoch }, index) => now[index]?.status === "queued" && now[index].epoch === epoch);
    }),
    running: guarded(async ({ worker_id, claim_id, after, limit }) => {
      const found = await executions
        .find(
          {
            status: "running",
            ...(worker_id !== undefined && { worker_id }),
            ...(claim_id !== undefined && { claim_id }),
            ...(after && { _id: { $gt: idOf(after) } }),
          },
          { projection: withoutOutputs },
        )
        .sort({ _id: 1 })
        .limit(limit)
        .toArray();
      return found.map(executionOf);
    }),
  };
}

function conditional(filter: Document, update: Document): AnyBulkWriteOperation<ExecutionDocument> {
  return { updateOne: { filter, update } };
}

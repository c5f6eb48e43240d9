import { type ExecutionRef, executionKey, executionMark, outcomeMark } from "@sate/contracts";
import type { AnyBulkWriteOperation, Collection, Document } from "mongodb";
import type { Runs } from "../ports.ts";
import { claimedOf } from "./claimed-of.ts";
import { type ExecutionDocument, executionOf, outcomeFields, withoutOutputs } from "./mongo-documents.ts";

/** The `Runs` of a store on MongoDB. `guarded` gives a call its deadline and its error. */
export function mongoRuns(
  executions: Collection<ExecutionDocument>,
  guarded: <A extends unknown[], T>(call: (...args: A) => Promise<T>) => (...args: A) => Promise<T>,
): Runs {
  /** For each the execution that it means, if that is there. */
  async function byRefs(refs: ExecutionRef[]): Promise<(ExecutionDocument | undefined)[]> {
    const keys = [...new Set(refs.map(refKey))];
    const found = await executions.find({ _id: { $in: keys } }, { projection: withoutOutputs }).toArray();
    const byKey = new Map(found.map((document) => [document._id, document]));
    return refs.map((ref) => {
      const document = byKey.get(refKey(ref));
      return document?.id === ref.execution_id ? document : undefined;
    });
  }

  return {
    claim: guarded(async ({ workerId, claimId }, refs) => {
      if (refs.length === 0) return { held: [], refused: 0 };
      const keys = refs.map(refKey);
      // Ids of executions are unique, so the two lists together match exactly the pairs.
      const ids = refs.map(({ execution_id }) => execution_id);
      await executions.updateMany(
        { _id: { $in: keys }, id: { $in: ids }, status: "queued" },
        {
          $set: { status: "running", worker_id: workerId, claim_id: claimId, cancel_requested: false },
          $inc: { epoch: 1 },
          $unset: { mark: "" },
        },
      );
      const found = await executions
        .find({ _id: { $in: keys }, id: { $in: ids } }, { projection: withoutOutputs })
        .toArray();
      return claimedOf({ workerId, claimId }, found.map(executionOf));
    }),
    queued: guarded(async (limit) => {
      const found = await executions
        .find({ status: "queued" }, { projection: { request_id: 1, attempt: 1, id: 1 } })
        .sort({ _id: 1 })
        .limit(limit)
        .toArray();
      return found.map(({ request_id, attempt, id }) => ({ request_id, attempt, execution_id: id }));
    }),
    finish: guarded(async (decided) => {
      if (decided.length === 0) return [];
      const { matchedCount } = await executions.bulkWrite(
        decided.map(({ request_id, attempt, execution_id, epoch, outcome, lost }) => {
          return conditional(
            { _id: executionKey(request_id, attempt), id: execution_id, status: "running", epoch },
            {
              $set: {
                ...outcomeFields(outcome),
                ...(lost !== undefined && { lost }),
                mark: outcomeMark,
              },
              $unset: { worker_id: "", claim_id: "" },
            },
          );
        }),
        { ordered: false },
      );
      if (matchedCount === decided.length) return decided.map(() => "stored" as const);
      const now = await byRefs(decided);
      return decided.map(({ outcome }, index) => {
        const document = now[index];
        if (!document) return "unknown";
        return document.result_id === outcome.result_id ? "stored" : "refused";
      });
    }),
    requeue: guarded(async (runs, isLost) => {
      if (runs.length === 0) return [];
      const { matchedCount } = await executions.bulkWrite(
        runs.map(({ request_id, attempt, execution_id, epoch }) => {
          return conditional(
            {
              _id: executionKey(request_id, attempt),
              id: execution_id,
              status: "running",
              epoch,
              cancel_requested: false,
            },
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
    running: guarded(async ({ workerId, claimId, after, limit }) => {
      const found = await executions
        .find(
          {
            status: "running",
            ...(workerId !== undefined && { worker_id: workerId }),
            ...(claimId !== undefined && { claim_id: claimId }),
            ...(after && { _id: { $gt: executionKey(after.requestId, after.attempt) } }),
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

function refKey({ request_id, attempt }: { request_id: string; attempt: number }): string {
  return executionKey(request_id, attempt);
}

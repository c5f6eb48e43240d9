import { executionMark, outcomeMark, type RunRef } from "@sate/contracts";
import type { Document } from "mongodb";
import type { Runs } from "../../ports.ts";
import type { MongoAccess } from "./access.ts";
import { byRefs, endsOf } from "./by-refs.ts";
import { claimQueued } from "./claim.ts";
import type { MongoClock } from "./clock.ts";
import { executionOf, idOf, outcomeFields, withoutOutputs } from "./documents.ts";
import { firstQueued } from "./queued.ts";

export function mongoRuns(access: MongoAccess, clock: Pick<MongoClock, "now">): Runs {
  const { executions, guarded, each } = access;

  /** Ends these runs: updates each execution that is still running with this epoch. Returns whether all were updated. */
  async function updateRuns<R extends RunRef>(
    runs: R[],
    update: (run: R) => { $set: Document; $inc?: Document },
    filter: Document = {},
  ): Promise<boolean> {
    const operations = runs.map((run) => ({
      updateOne: {
        filter: { _id: idOf(run), id: run.execution_id, status: "running", epoch: run.epoch, ...filter },
        update: { ...update(run), $unset: { worker_id: "", claim_id: "", progress: "" } },
      },
    }));
    const { matchedCount } = await executions.bulkWrite(operations as never[], { ordered: false });
    return matchedCount === runs.length;
  }
  const isNotCancelled = { cancel_requested: false };

  /** For each whether it is queued after this run. */
  async function areQueued(runs: RunRef[]): Promise<boolean[]> {
    const now = await byRefs(access, runs);
    return runs.map(({ epoch }, index) => now[index]?.status === "queued" && now[index].epoch === epoch);
  }

  return {
    claim: guarded((claim, refs, processors) =>
      claimQueued(access, claim, { refs, processors, now: clock.now }),
    ),
    queued: guarded((wanted) => firstQueued(access, wanted)),
    finish: each(async (runs) => {
      const areAllSet = await updateRuns(runs, ({ outcome, lost }) => ({
        $set: {
          ...outcomeFields(outcome),
          ...(lost !== undefined && { lost }),
          ...{ mark: outcomeMark, ended_at: clock.now() },
        },
      }));
      return areAllSet ? runs.map(() => "stored" as const) : endsOf(access, runs);
    }),
    requeue: each(async (runs, isLost) => {
      const toQueued = ({ epoch, deadline_at: wake_at }: (typeof runs)[number]) => ({
        $set: { status: "queued", mark: executionMark(epoch), wake_at },
        $inc: { lost: isLost ? 1 : 0 },
      });
      return (await updateRuns(runs, toQueued, isNotCancelled)) ? runs.map(() => true) : areQueued(runs);
    }),
    retryLater: each(async (runs) => {
      const toWaiting = ({ start_after, wake_at, last_error }: (typeof runs)[number]) => ({
        $set: { status: "queued", start_after, wake_at, last_error: JSON.stringify(last_error) },
        $inc: { tries: 1 },
      });
      return (await updateRuns(runs, toWaiting, isNotCancelled)) ? runs.map(() => true) : areQueued(runs);
    }),
    running: guarded(async ({ worker_id, claim_id, after, limit }) => {
      const filter = {
        status: "running" as const,
        ...(worker_id !== undefined && { worker_id }),
        ...(claim_id !== undefined && { claim_id }),
        ...(after && { id: { $gt: after.id } }),
      };
      const found = await executions
        .find(filter, { projection: withoutOutputs, batchSize: limit + 1 })
        .sort({ id: 1 })
        .limit(limit)
        .toArray();
      return found.map(executionOf);
    }),
  };
}

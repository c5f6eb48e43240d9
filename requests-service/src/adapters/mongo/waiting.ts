import { executionMark, outcomeMark, type RunRef } from "@sate/contracts";
import type { Waiting } from "../../ports.ts";
import type { MongoAccess } from "./access.ts";
import { byRefs, endsOf } from "./by-refs.ts";
import { executionOf, idOf, outcomeFields, withoutOutputs } from "./documents.ts";

export function mongoWaiting(access: MongoAccess, now: () => number): Waiting {
  const { executions, guarded, each } = access;

  /** Updates each that is still queued with this epoch. Returns whether all were updated. */
  async function updateQueued<W extends RunRef>(
    waiting: W[],
    change: (one: W) => { filter?: object; update: object },
  ): Promise<boolean> {
    const operations = waiting.map((one) => {
      const { filter, update } = change(one);
      const { epoch, execution_id: id } = one;
      return { updateOne: { filter: { _id: idOf(one), id, status: "queued", epoch, ...filter }, update } };
    });
    const { matchedCount } = await executions.bulkWrite(operations as never[], { ordered: false });
    return matchedCount === waiting.length;
  }

  return {
    due: guarded(async ({ until, limit }) => {
      const found = await executions
        .find(
          { wake_at: { $lte: until }, status: "queued" },
          { projection: withoutOutputs, batchSize: limit + 1 },
        )
        .sort({ wake_at: 1 })
        .limit(limit)
        .toArray();
      return found.map(executionOf);
    }),
    wake: each(async (woken) => {
      const areAllSet = await updateQueued(woken, ({ epoch, start_after, wake_at }) => ({
        filter: { start_after },
        update:
          wake_at === undefined
            ? { $set: { mark: executionMark(epoch) }, $unset: { start_after: "", wake_at: "" } }
            : { $set: { mark: executionMark(epoch), wake_at }, $unset: { start_after: "" } },
      }));
      if (areAllSet) return woken.map(() => true);
      const found = await byRefs(access, woken);
      return woken.map(({ epoch }, index) => {
        const document = found[index];
        return (
          document?.status === "queued" && document.epoch === epoch && document.start_after === undefined
        );
      });
    }),
    end: each(async (ended) => {
      const areAllSet = await updateQueued(ended, ({ outcome }) => ({
        update: {
          $set: { ...outcomeFields(outcome), mark: outcomeMark, ended_at: now() },
          $unset: { start_after: "", wake_at: "" },
        },
      }));
      return areAllSet ? ended.map(() => "stored" as const) : endsOf(access, ended);
    }),
  };
}

import type { Claimable, ExecutionRef } from "@sate/contracts";
import type { Execution } from "../../executions/execution.ts";
import type { Claim, Claimed } from "../../ports.ts";
import { claimedBy } from "../../runs/claim.ts";
import { claimResult } from "../stored.ts";
import type { MongoAccess } from "./access.ts";
import { byRefs } from "./by-refs.ts";
import { executionOf, idOf } from "./documents.ts";

type Wanted = { refs: ExecutionRef[]; processors: Claimable[] | undefined; now: () => number };

/** Reads, decides and writes: two commands, and a third only if another claim was faster. */
export async function claimQueued(
  access: MongoAccess,
  claim: Claim,
  { refs, processors, now }: Wanted,
): Promise<Claimed> {
  if (refs.length === 0) return { held: [], refused: 0 };
  const read = async () =>
    [...new Set(await byRefs(access, refs))].flatMap((one) => (one ? executionOf(one) : []));
  const found = await read();
  const context = { processors, now: now() };
  const claimed = found.map((execution) => claimedBy(claim, execution, context));
  const wanted = claimed.filter((execution) => execution !== null);
  const areAllSet = wanted.length === 0 || (await setRunning(access, claim, wanted));
  const after = areAllSet ? found.map((execution, index) => claimed[index] ?? execution) : await read();
  return claimResult(claim, after);
}

/** Makes these running, each if it is still queued after the run before. Returns whether all were updated. */
async function setRunning(
  { executions }: MongoAccess,
  { worker_id, claim_id }: Claim,
  claimed: (Execution & { deadline_at: number })[],
): Promise<boolean> {
  // One command. Nearly always one group, too: new executions of one processor.
  const groups = Map.groupBy(claimed, ({ epoch, deadline_at }) => `${epoch} ${deadline_at}`);
  const operations = [...groups.values()].map((group) => {
    const { epoch, deadline_at } = group[0] as (typeof claimed)[number];
    // Ids of executions are unique, so the two lists together match exactly the pairs.
    const [keys, ids] = [group.map(idOf), group.map(({ id }) => id)];
    return {
      updateMany: {
        filter: {
          ...{ _id: { $in: keys }, id: { $in: ids } },
          ...{ status: "queued", epoch: epoch - 1, start_after: null },
        },
        update: {
          $set: { status: "running", epoch, deadline_at, worker_id, claim_id, cancel_requested: false },
          $unset: { mark: "", wake_at: "" },
        },
      },
    };
  });
  const { matchedCount } = await executions.bulkWrite(operations as never[], { ordered: false });
  return matchedCount === claimed.length;
}

import { type ExecutionStatus, processorNameOf } from "@sate/contracts";
import type { MongoAccess } from "./access.ts";

const pageSize = 500;
/** Executions that have ended are filled little by little: this many pages each time. */
const endedPagesMax = 4;

/**
 * Version 0.1.0 stored executions without their processor and number of tries, by which claims and cancellations find
 * them. Gives both to those that have not ended, and then to some of those that have, which lists find by their
 * processor. May be repeated, and done by several processes at once.
 */
export async function fillProcessors(access: MongoAccess): Promise<void> {
  for (const status of ["queued", "running"] as const) while (await fillPage(access, { status }));
  for (let page = 0; page < endedPagesMax && (await fillPage(access, {})); page++);
}

/** Fills a page of those that lack a processor. Each page changes what it finds, so the next one finds others. */
async function fillPage(
  { executions, requests }: MongoAccess,
  filter: { status?: ExecutionStatus },
): Promise<boolean> {
  const found = await executions
    .find({ ...filter, processor: null as never }, { projection: { request_id: 1 } })
    .limit(pageSize)
    .toArray();
  if (found.length === 0) return false;
  const ids = [...new Set(found.map(({ request_id }) => request_id))];
  const known = await requests.find({ _id: { $in: ids } }, { projection: { processor: 1 } }).toArray();
  const processors = new Map(known.map(({ _id, processor }) => [_id, processorNameOf({ processor })]));
  const operations = found.map(({ _id, request_id }) => ({
    updateOne: {
      filter: { _id, processor: null as never },
      update: { $set: { processor: processors.get(request_id) ?? processorNameOf({}), tries: 0 } },
    },
  }));
  await executions.bulkWrite(operations, { ordered: false });
  return true;
}

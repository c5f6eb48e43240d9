import { processorNameOf } from "@sate/contracts";
import type { MongoAccess } from "./access.ts";

const pageSize = 500;

/**
 * Version 0.1.0 stored executions without their processor and number of tries, by which claims and cancellations find
 * them. Gives both to those that have not ended. May be repeated, and done by several processes at once.
 */
export async function fillActive({ executions, requests }: MongoAccess): Promise<void> {
  for (const status of ["queued", "running"] as const) {
    for (;;) {
      // Each page changes what it finds, so the next one finds others.
      const found = await executions
        .find({ status, processor: null as never }, { projection: { request_id: 1 } })
        .limit(pageSize)
        .toArray();
      if (found.length === 0) break;
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
    }
  }
}

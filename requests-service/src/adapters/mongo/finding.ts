import { defaultProcessor } from "@sate/contracts";
import type { Filter } from "mongodb";
import type { Finding, Slice } from "../../finding/port.ts";
import type { MongoAccess } from "./access.ts";
import { type ExecutionDocument, executionOf, type RequestDocument, withoutOutputs } from "./documents.ts";

/** Each index ends with the id. A document has an entry for each of its labels. */
export async function createFindingIndexes({ requests, executions }: MongoAccess): Promise<void> {
  await requests.createIndex({ processor: 1, _id: 1 });
  await requests.createIndex({ labels: 1, _id: 1 });
  await executions.createIndex({ id: 1 });
  await executions.createIndex({ status: 1, id: 1 });
  await executions.createIndex({ processor: 1, id: 1 });
  await executions.createIndex({ labels: 1, id: 1 });
}

const within = ({ from, below }: Slice) => ({ $gte: from, $lt: below });

export function mongoFinding({ requests, executions, guarded }: MongoAccess): Finding {
  return {
    requests: guarded(async ({ label, processor }, slice) => {
      const names = processor === defaultProcessor ? { $in: [null, processor] } : processor;
      const filter = {
        ...(label !== undefined && { labels: label }),
        ...(processor !== undefined && { processor: names }),
        _id: within(slice),
      };
      const found = await requests
        .find(filter as Filter<RequestDocument>, { projection: { processor: 1 }, batchSize: slice.limit + 1 })
        .sort({ _id: -1 })
        .limit(slice.limit)
        .toArray();
      return found.map(({ _id, ...rest }) => ({ id: _id, ...rest }));
    }),
    executions: guarded(async ({ label, statuses, processor }, slice) => {
      const filter = {
        ...(label !== undefined && { labels: label }),
        // With several values the server merges their parts of the index, each in the order of the ids.
        ...(statuses !== undefined && { status: { $in: statuses } }),
        ...(processor !== undefined && { processor }),
        id: within(slice),
      };
      const found = await executions
        .find(filter as Filter<ExecutionDocument>, {
          projection: withoutOutputs,
          batchSize: slice.limit + 1,
        })
        .sort({ id: -1 })
        .limit(slice.limit)
        .toArray();
      return found.map(executionOf);
    }),
  };
}

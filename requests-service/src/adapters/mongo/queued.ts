import type { ExecutionRef } from "@sate/contracts";
import type { Runs } from "../../ports.ts";
import type { MongoAccess } from "./access.ts";
import type { ExecutionDocument } from "./documents.ts";

type Wanted = Parameters<Runs["queued"]>[0];

/**
 * The first queued executions of each processor. One command reads the first ones of all processors. If its page is full,
 * another reads the processors that were not on it. So no backlog hides another processor, and only backlogs cost further
 * commands.
 */
export async function firstQueued(access: MongoAccess, wanted: Wanted): Promise<ExecutionRef[][]> {
  const found = await firstOfEach(access, wanted);
  return wanted.map(({ processor, limit }) =>
    found
      .filter((one) => processor === undefined || one.processor === processor)
      .slice(0, limit)
      .map(({ request_id, attempt, id }) => ({ request_id, attempt, execution_id: id })),
  );
}

async function firstOfEach(access: MongoAccess, wanted: Wanted): Promise<ExecutionDocument[]> {
  const limit = Math.max(0, ...wanted.map((one) => one.limit));
  const names = wanted.flatMap(({ processor }) => processor ?? []);
  if (names.length < wanted.length) return first(access, {}, { limit, by: "id" });
  const found: ExecutionDocument[] = [];
  for (let unseen = names; unseen.length > 0; ) {
    const more = await first(access, { processor: { $in: unseen } }, { limit, by: "_id" });
    found.push(...more);
    if (more.length < limit) break;
    const seen = new Set(more.map(({ processor }) => processor));
    unseen = unseen.filter((name) => !seen.has(name));
  }
  return found;
}

/** Each order is that of an index. */
function first(
  { executions }: MongoAccess,
  processor: object,
  { limit, by }: { limit: number; by: "id" | "_id" },
): Promise<ExecutionDocument[]> {
  const projection = { request_id: 1, attempt: 1, id: 1, processor: 1 };
  return executions
    .find(
      { status: "queued", start_after: null as never, ...processor },
      { projection, batchSize: limit + 1 },
    )
    .sort({ [by]: 1 })
    .limit(limit)
    .toArray();
}

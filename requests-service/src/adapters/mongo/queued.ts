import type { ExecutionRef } from "@sate/contracts";
import type { Runs } from "../../ports.ts";
import { type MongoAccess, page } from "./access.ts";
import type { ExecutionDocument } from "./documents.ts";

type Wanted = Parameters<Runs["queued"]>[0];

/**
 * The first queued executions of each processor. Where little is queued for all of them together, one command finds it;
 * otherwise each processor gets a command of its own, so that no backlog hides the others.
 */
export async function firstQueued(access: MongoAccess, wanted: Wanted): Promise<ExecutionRef[][]> {
  const lists = (await allTogether(access, wanted)) ?? (await oneByOne(access, wanted));
  return lists.map((list) =>
    list.map(({ request_id, attempt, id }) => ({ request_id, attempt, execution_id: id })),
  );
}

const oneByOne = (access: MongoAccess, wanted: Wanted) =>
  Promise.all(wanted.map(({ processor, limit }) => first(access, processor ? { processor } : {}, limit)));

/** `null`: there is more than one command returns. */
async function allTogether(access: MongoAccess, wanted: Wanted): Promise<ExecutionDocument[][] | null> {
  if (wanted.length < 2) return null;
  const limit = Math.max(...wanted.map((one) => one.limit)) + 1;
  const found = await first(access, { processor: { $in: wanted.map(({ processor }) => processor) } }, limit);
  if (found.length === limit) return null;
  return wanted.map((one) =>
    found.filter(({ processor }) => processor === one.processor).slice(0, one.limit),
  );
}

function first({ executions }: MongoAccess, processor: object, limit: number): Promise<ExecutionDocument[]> {
  const projection = { request_id: 1, attempt: 1, id: 1, processor: 1 };
  return page(executions, { status: "queued", start_after: null, ...processor }, { limit, projection });
}

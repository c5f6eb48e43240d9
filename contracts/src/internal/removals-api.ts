import { Type } from "@sinclair/typebox";
import { ExecutionKey, Uuid } from "../values/ids.ts";
import { limits } from "../values/limits.ts";
import { open } from "../values/object.ts";
import type { ApiFunctions } from "./api.ts";

/** The internal API of results-listener, the only writer of the Results DB. Every operation may be repeated. */
export const removalsApi = {
  /**
   * Removes the results of these executions, the dead letters of these requests, and these dead letters. What is
   * delivered later of the executions and requests is not recorded. Durable when it returns. `removed_at`: by the clock of
   * the Requests DB.
   */
  removeResults: {
    path: "/internal/results/remove",
    body: Type.Object(
      {
        executions: Type.Array(ExecutionKey, { maxItems: limits.removedResultsMax }),
        requests: Type.Array(Uuid, { maxItems: limits.batchItemsMax }),
        /** Ids. Those of version 0.1.0 do not name their request. */
        dead_letters: Type.Array(Type.String(), { maxItems: limits.removedResultsMax }),
        removed_at: Type.Integer({ minimum: 0 }),
      },
      open,
    ),
    response: Type.Object({}, open),
  },
} as const;

export type RemovalsApi = ApiFunctions<typeof removalsApi>;

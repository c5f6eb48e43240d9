import { type Static, Type } from "@sinclair/typebox";
import { ExecutionStatus } from "../../values/execution.ts";
import { Uuid } from "../../values/ids.ts";
import { limits } from "../../values/limits.ts";
import { open } from "../../values/object.ts";
import { ExecutionRecord, RequestRecord } from "./records.ts";
import { Instant } from "./schema.ts";

/**
 * A filter matches what all its fields match. Without `processor`, Sate's own processors are left out. `label`:
 * `name=value`. `since` is included, `until` is not.
 */
const filter = {
  processor: Type.Optional(Type.String()),
  label: Type.Optional(Type.String()),
  since: Type.Optional(Instant),
  until: Type.Optional(Instant),
};
export const RequestFilter = Type.Object(filter, open);
export type RequestFilter = Static<typeof RequestFilter>;

export const ExecutionFilter = Type.Object(
  { ...filter, statuses: Type.Optional(Type.Array(ExecutionStatus, { minItems: 1, maxItems: 6 })) },
  open,
);
export type ExecutionFilter = Static<typeof ExecutionFilter>;

const pageOf = (limitMax: number) => ({
  limit: Type.Integer({ minimum: 1, maximum: limitMax }),
  /** The `next` of the previous page. */
  before: Type.Optional(Uuid),
});

/**
 * Lists are newest first. One call examines at most `limits.examinedMax` entries of one index, so a page may have fewer
 * entries than there are, even none, and then has a `next`.
 */
export const findingOperations = {
  /** `more`: there is a `next`. */
  listRequests: {
    path: "/internal/requests/list",
    body: Type.Object({ ...pageOf(limits.pageMax), filter: Type.Optional(RequestFilter) }, open),
    response: Type.Object(
      { requests: Type.Array(RequestRecord), more: Type.Boolean(), next: Type.Optional(Uuid) },
      open,
    ),
  },
  findExecutions: {
    path: "/internal/executions/find",
    body: Type.Object({ ...pageOf(limits.pageMax), filter: ExecutionFilter }, open),
    response: Type.Object({ executions: Type.Array(ExecutionRecord), next: Type.Optional(Uuid) }, open),
  },
  /**
   * Cancels the active executions on a page, each as `cancelExecution` does. `cancelled`: those that are cancelled now,
   * or will be unless they end first; of a `dry_run`, which changes nothing, those that would be. `ended`: those that
   * ended in another way in the meantime.
   */
  cancelMatching: {
    path: "/internal/executions/cancel-matching",
    body: Type.Object({ ...pageOf(limits.bulkMax), filter: ExecutionFilter, dry_run: Type.Boolean() }, open),
    response: Type.Object(
      {
        matched: Type.Integer({ minimum: 0 }),
        cancelled: Type.Integer({ minimum: 0 }),
        ended: Type.Array(Type.Object({ request_id: Uuid, execution_id: Uuid }, open)),
        next: Type.Optional(Uuid),
      },
      open,
    ),
  },
} as const;

import { type Static, type TProperties, type TSchema, Type } from "@sinclair/typebox";
import { Uuid } from "../values/ids.ts";
import { limits } from "../values/limits.ts";
import { instantPattern } from "../values/time.ts";
import { Problem } from "./problems.ts";
import { closed, open } from "./schema.ts";

/**
 * Bulk operations: what a filter matches is worked on newest first, one page per call. A client repeats the call with
 * the `cursor` that it was given as `next`, until there is none. Nothing is worked on by accident: the filter must state
 * `since`, or `all: true`. Every bulk operation may be repeated.
 */

const instant = (description: string) =>
  Type.Optional(Type.String({ pattern: instantPattern, maxLength: 40, description }));

/** What every filter of a bulk operation has, beside the fields of its own. */
const range = {
  since: instant("An RFC 3339 instant: only what was created then or later. Required unless `all` is true."),
  until: instant("An RFC 3339 instant: only what was created before it."),
  all: Type.Optional(Type.Boolean({ description: "Whether what matches is worked on however old it is." })),
};

/** The body of a bulk operation. Its cursors match `cursor`. */
export const bulkBody = <F extends TProperties>(
  filter: F,
  {
    cursor,
    cursorCharsMax = 100,
    description,
  }: { cursor: string; cursorCharsMax?: number; description: string },
) =>
  Type.Object(
    {
      filter: Type.Object(
        { ...filter, ...range },
        { ...closed, description: "What is worked on: what matches all fields. Requires `since` or `all`." },
      ),
      limit: Type.Optional(
        Type.Integer({
          minimum: 1,
          maximum: limits.bulkMax,
          description: `The maximum number of entries for this call; ${limits.bulkDefault} if absent.`,
        }),
      ),
      dry_run: Type.Optional(
        Type.Boolean({ description: "Whether the call only says what it would do, and changes nothing." }),
      ),
      cursor: Type.Optional(
        Type.String({
          pattern: cursor,
          maxLength: cursorCharsMax,
          description: "The `next` of the previous call.",
        }),
      ),
    },
    { ...closed, description },
  );

/** Whether a filter says how far back it goes. */
export function isBounded({ since, all }: { since?: string; all?: boolean }): boolean {
  return since !== undefined || all === true;
}

/** The response to a bulk operation. `done`: the name of the number of entries that it has worked on. */
export const bulkResponse = <D extends string, S extends Record<string, TSchema>>(
  done: D,
  description: string,
  skipped: S = {} as S,
) =>
  Type.Object(
    {
      matched: Type.Integer({ minimum: 0, description: "The number of entries of this call that match." }),
      [done]: Type.Integer({ minimum: 0, description }),
      skipped: Type.Array(Type.Object({ id: Uuid, ...skipped, problem: Problem }, open), {
        description:
          "Entries that match and were not changed, and why. For a dry run those of which it is known already.",
      }),
      next: Type.Optional(
        Type.String({
          description:
            "The `cursor` for the next call. Absent if there is nothing left. A call that finds nothing may have one, because the entries that one call examines are limited.",
        }),
      ),
    },
    open,
  );

export type BulkBody = Static<ReturnType<typeof bulkBody<Record<never, never>>>>;

import { type Static, type TProperties, type TSchema, Type } from "@sinclair/typebox";
import { Uuid } from "../values/ids.ts";
import { limits } from "../values/limits.ts";
import { closed, open } from "../values/object.ts";
import { Problem } from "./problems.ts";
import { timeRange } from "./time-range.ts";

/**
 * Bulk operations. A call processes one page of what a filter matches, newest first. The client repeats the call with
 * `next` of the response as `cursor`, until there is none. The filter must state `since`, or `all: true`, so that nothing
 * is processed by accident. Every bulk operation may be repeated.
 */

/** What every filter of a bulk operation has, in addition to its own fields. */
const range = {
  ...timeRange("created"),
  all: Type.Optional(
    Type.Boolean({
      description: "Processes everything that matches, however old. Required unless `since` is given.",
    }),
  ),
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
        { ...closed, description: "Entries that match all fields are processed. Requires `since` or `all`." },
      ),
      limit: Type.Optional(
        Type.Integer({
          minimum: 1,
          maximum: limits.bulkMax,
          description: `The maximum number of entries for this call; ${limits.bulkDefault} if absent.`,
        }),
      ),
      dry_run: Type.Optional(
        Type.Boolean({ description: "Changes nothing: the response says what the call would do." }),
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

/** The response to a bulk operation. `done`: the name of the field with the number of entries that it has changed. */
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
          "Entries that match and were not changed, and why. In a dry run, those that could not be changed now.",
      }),
      next: Type.Optional(
        Type.String({
          description:
            "The `cursor` for the next call. Absent if there is nothing left. One call examines a limited number of entries, so even a call that finds nothing may return it.",
        }),
      ),
    },
    open,
  );

export type BulkBody = Static<ReturnType<typeof bulkBody<Record<never, never>>>>;

import { type BulkBody, limits } from "@sate/contracts";
import { Refusal } from "./problem-response.ts";
import { rangeOf } from "./range.ts";

/**
 * What the body of a bulk operation asks for, beside the fields of its own filter. Throws if it does not say how far back
 * it goes.
 */
export function bulkOf({ filter, limit = limits.bulkDefault, dry_run = false, cursor }: BulkBody) {
  const refuse = (field: string, detail: string) => new Refusal("invalid-body", detail, { field });
  if (filter.since === undefined && filter.all !== true) {
    const detail =
      "The filter has neither `since` nor `all`. Send `since`, or `all: true` for everything that matches.";
    throw refuse("filter", detail);
  }
  const range = rangeOf(filter, (field, detail) => refuse(`filter.${field}`, detail));
  return { ...range, limit, dry_run, cursor };
}

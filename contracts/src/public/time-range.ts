import { Type } from "@sinclair/typebox";
import { instantPattern } from "../values/time.ts";

const timestamp = (description: string) =>
  Type.Optional(Type.String({ pattern: instantPattern, maxLength: 40, description }));

/** The time range of a filter. `since` is included, `until` is not. */
export const timeRange = (event: "created" | "published") => ({
  since: timestamp(`An RFC 3339 timestamp: only what was ${event} then or later.`),
  until: timestamp(`An RFC 3339 timestamp: only what was ${event} before it.`),
});

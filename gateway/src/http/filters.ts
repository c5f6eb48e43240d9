import {
  type ExecutionFilter,
  type ExecutionStatus,
  LabelParameter,
  ListedProcessor,
  labelTextOf,
  limits,
  type RequestFilter,
  timeRange,
  uuidPattern,
} from "@sate/contracts";
import { type Static, Type } from "@sinclair/typebox";
import { cursor, invalid, limit } from "./parameters.ts";
import { type Range, rangeOf } from "./range.ts";

const closed = { additionalProperties: false } as const;

/** A page of a filtered list. The cursor is the last id that the previous page examined. */
const filtered = {
  processor: Type.Optional(ListedProcessor),
  label: Type.Optional(LabelParameter),
  ...timeRange("created"),
  limit: limit(limits.pageDefault),
  cursor: cursor(uuidPattern.slice(1, -1)),
};

export const requestListQuery = Type.Object(filtered, closed);

const status = "(queued|running|succeeded|failed|dead_lettered|cancelled)";
export const executionListQuery = Type.Object(
  {
    status: Type.Optional(
      Type.String({
        pattern: `^${status}(,${status}){0,5}$`,
        maxLength: 80,
        description: "Only executions with this status, or with one of several, separated by commas.",
      }),
    ),
    ...filtered,
  },
  closed,
);

type Filter = Range & { processor?: string | undefined; label?: string | undefined };

/** The filter of a query. Throws if the time is not valid. */
export function requestFilterOf(query: Static<typeof requestListQuery>): RequestFilter {
  return { ...filterOf(query), ...rangeOf(query, invalid) };
}

export function executionFilterOf(query: Static<typeof executionListQuery>): ExecutionFilter {
  const statuses = query.status?.split(",") as ExecutionStatus[] | undefined;
  return { ...requestFilterOf(query), ...(statuses && { statuses: [...new Set(statuses)] }) };
}

/** The processor and the label of a filter, as requests-service knows them. */
export function filterOf({ processor, label }: Filter): Pick<RequestFilter, "processor" | "label"> {
  return {
    ...(processor !== undefined && { processor }),
    ...(label !== undefined && { label: labelTextOf(label) }),
  };
}

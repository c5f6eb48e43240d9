import {
  type ExecutionFilter,
  idFloor,
  isOwnProcessor,
  labelTexts,
  processorNameOf,
  type RequestRecord,
  type RequestsApi,
} from "@sate/contracts";
import type { StoredExecution } from "./runs.ts";

type Body<Name extends keyof RequestsApi> = Parameters<RequestsApi[Name]>[0];
type Entry = Pick<RequestRecord, "id" | "processor" | "labels" | "removed_at"> &
  Partial<Pick<StoredExecution, "status">>;

/** The lists of requests-service, from what is in memory: it examines everything, so no page is short. */
export function fakeFinding(stored: {
  requests: Map<string, RequestRecord>;
  executions: Map<string, StoredExecution[]>;
}) {
  const { requests, executions } = stored;

  function page<E extends Entry>(
    all: Iterable<E>,
    { filter = {}, limit, before = "~" }: { filter?: ExecutionFilter; limit: number; before?: string },
  ): { found: E[]; next?: string } {
    const { processor, label, statuses, since = 0, until } = filter;
    const found = [...all]
      .filter((one) => one.id < before && one.id >= idFloor(since) && (!until || one.id < idFloor(until)))
      .filter((one) => {
        if (one.removed_at !== undefined) return false;
        const name = processorNameOf(one);
        if (processor === undefined ? isOwnProcessor(name) : name !== processor) return false;
        if (statuses && !(one.status && statuses.includes(one.status))) return false;
        return label === undefined || labelTexts(one.labels).includes(label);
      })
      .sort((a, b) => (a.id < b.id ? 1 : -1));
    const first = found.slice(0, limit);
    const next = found.length > limit ? first.at(-1)?.id : undefined;
    return { found: first, ...(next !== undefined && { next }) };
  }

  return {
    listRequests(body: Body<"listRequests">) {
      const { found, ...next } = page(requests.values(), body);
      return { requests: found, more: "next" in next, ...next };
    },
    findExecutions(body: Body<"findExecutions">) {
      const { found, ...next } = page([...executions.values()].flat(), body);
      return { executions: found, ...next };
    },
    cancelMatching({ filter, dry_run, ...rest }: Body<"cancelMatching">) {
      const statuses = filter.statuses ?? ["queued", "running"];
      const { found, ...next } = page([...executions.values()].flat(), {
        ...rest,
        filter: { ...filter, statuses },
      });
      for (const execution of dry_run ? [] : found) {
        if (execution.status === "queued") execution.status = "cancelled";
        else execution.cancel_requested = true;
      }
      return { matched: found.length, cancelled: found.length, ended: [], ...next };
    },
  };
}

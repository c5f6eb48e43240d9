import { limits, type RequestsApi } from "@sate/contracts";
import { executionRecordOf } from "../executions/execution.ts";
import type { Outbox } from "../outbox/outbox.ts";
import type { Ports } from "../ports.ts";
import { createCancelAll } from "./cancel-all.ts";
import { examine } from "./examine.ts";
import { executionIndexOf, isMatch, rangeOf, requestIndexOf } from "./filter.ts";

type FindExecutions = Parameters<RequestsApi["findExecutions"]>[0];

const active = ["queued" as const, "running" as const];

/** Lists of requests and of executions of all requests, and cancelling what a list has. */
export function findingCommands(ports: Ports, outbox: Pick<Outbox, "publishAllSoon">) {
  const { store } = ports;
  const cancelAll = createCancelAll(ports, outbox);

  async function find({ filter, limit, before }: FindExecutions) {
    const index = executionIndexOf(filter);
    return examine((slice) => store.finding.executions(index, slice), {
      ...rangeOf(filter, before),
      limit,
      matches: (execution) => isMatch(filter, execution),
    });
  }

  return {
    async listRequests({ filter = {}, limit, before }) {
      const index = requestIndexOf(filter);
      const entries = await examine((slice) => store.finding.requests(index, slice), {
        ...rangeOf(filter, before),
        limit,
        matches: (entry) => isMatch(filter, entry),
      });
      const ids = entries.found.map(({ id }) => id);
      const { found, isCut } = await store.requests.newest(ids, limits.pageBytesMax);
      const requests = [...found.values()].filter(({ removed_at }) => removed_at === undefined);
      const next = isCut ? [...found.keys()].at(-1) : entries.next;
      return { requests, more: next !== undefined, ...(next !== undefined && { next }) };
    },

    async findExecutions(body) {
      const { found, ...next } = await find(body);
      return { executions: found.map((one) => executionRecordOf(one)), ...next };
    },

    async cancelMatching({ dry_run, filter, ...page }) {
      const { found, ...next } = await find({ ...page, filter: { statuses: active, ...filter } });
      const ended = dry_run ? [] : await cancelAll(found);
      return { matched: found.length, cancelled: found.length - ended.length, ended, ...next };
    },
  } satisfies Partial<RequestsApi>;
}

import { describe, expect, test } from "bun:test";
import type { ExecutionFilter, Labels, RequestsApi } from "@sate/contracts";
import { timeOfId } from "../../../src/removals/age.ts";
import { newId } from "../../builders.ts";
import type { ClientApiUnderTest } from "./clients.ts";

export type FindingApiUnderTest = Omit<ClientApiUnderTest, "api"> & {
  api: Pick<
    RequestsApi,
    | "createRequests"
    | "createExecutions"
    | "getExecution"
    | "listRequests"
    | "findExecutions"
    | "cancelMatching"
  >;
};

/** What every implementation of the lists by filters must do. */
export function findingApiConformance(name: string, make: () => FindingApiUnderTest): void {
  function given() {
    const under = make();
    const { api } = under;
    /** A request with a queued execution. */
    async function queued(labels?: Labels) {
      const id = newId();
      await api.createRequests({ requests: [{ id, payload_json: "1", ...(labels && { labels }) }] });
      const execution = { id: newId(), request_id: id, force_error: false, max_failures: 3 };
      await api.createExecutions({ executions: [execution] });
      return { request_id: id, execution_id: execution.id };
    }
    async function found(filter: ExecutionFilter, limit = 100): Promise<string[]> {
      return (await api.findExecutions({ filter, limit })).executions.map(({ id }) => id);
    }
    return { ...under, queued, found };
  }

  describe(`${name}: finding`, () => {
    test("labels are those of the request, and its executions have them", async () => {
      const { api, queued } = given();
      const labels = { team: "video", "a.b": "" };
      const ids = await queued(labels);
      await queued();
      expect((await api.getExecution(ids)) as object).toMatchObject({ execution: { labels } });
      const filter = { label: "team=video" };
      expect(await api.findExecutions({ filter, limit: 5 })).toMatchObject({ executions: [{ labels }] });
      const { requests } = await api.listRequests({ filter, limit: 5 });
      expect(requests).toMatchObject([{ id: ids.request_id, labels, payload_json: "1" }]);
      expect((await api.listRequests({ limit: 5 })).requests).toHaveLength(2);
    });

    test("executions are listed newest first, in pages, by what all fields of the filter match", async () => {
      const { api, queued, run, end, found } = given();
      const all = [];
      for (let index = 0; index < 6; index++) all.unshift(await queued({ parity: String(index % 2) }));
      const ids = all.map(({ execution_id }) => execution_id);
      await run(all[0]?.request_id as string);
      await end(all[1]?.request_id as string, "failed");
      await end(all[2]?.request_id as string, "succeeded");
      expect(await found({})).toEqual(ids);
      expect(await found({ statuses: ["running", "succeeded"] })).toEqual([ids[0], ids[2]] as string[]);
      expect(await found({ statuses: ["queued"], label: "parity=1" })).toEqual([ids[4]] as string[]);
      expect(await found({ statuses: ["succeeded"], processor: "simulate" })).toEqual([ids[2]] as string[]);
      expect(await found({ processor: "another" })).toEqual([]);
      const first = await api.findExecutions({ filter: {}, limit: 4 });
      expect(first).toMatchObject({ next: ids[3] });
      const rest = await api.findExecutions({ filter: {}, limit: 4, before: ids[3] as string });
      expect(rest.executions.map(({ id }) => id)).toEqual(ids.slice(4));
      expect(rest.next).toBeUndefined();
    });

    test("since is included and until is not", async () => {
      const { queued, found, api } = given();
      const { execution_id, request_id } = await queued();
      const at = timeOfId(execution_id);
      expect(await found({ since: at })).toEqual([execution_id]);
      expect(await found({ since: at + 1 })).toEqual([]);
      expect(await found({ until: at })).toEqual([]);
      expect(await found({ since: 0, until: at + 1 })).toEqual([execution_id]);
      const requestAt = timeOfId(request_id);
      const list = async (filter: object) => (await api.listRequests({ filter, limit: 5 })).requests.length;
      expect(await list({ since: requestAt, until: requestAt + 1 })).toBe(1);
      expect(await list({ until: requestAt })).toBe(0);
    });

    test("cancelling what matches: queued ones end, running ones are asked to, others and other pages stay", async () => {
      const { api, queued, run, end, found } = given();
      const all = [];
      for (let index = 0; index < 6; index++) all.unshift(await queued({ team: "video" }));
      const other = await queued();
      const [running, ended] = all as [(typeof all)[0], (typeof all)[0]];
      await run(running.request_id);
      await end(ended.request_id, "succeeded");
      const call = { filter: { label: "team=video" }, limit: 3 };
      const dry = await api.cancelMatching({ ...call, dry_run: true });
      expect(dry).toMatchObject({ matched: 3, cancelled: 3, ended: [], next: all[3]?.execution_id });
      expect(await found({ statuses: ["cancelled"] })).toEqual([]);
      const first = await api.cancelMatching({ ...call, dry_run: false });
      expect(first).toEqual(dry);
      expect(await found({ statuses: ["cancelled"] })).toEqual(
        [all[2], all[3]].map((one) => one?.execution_id ?? ""),
      );
      // The running one still matches.
      const again = await api.cancelMatching({ ...call, dry_run: false });
      expect(again).toEqual({ matched: 3, cancelled: 3, ended: [] });
      expect((await api.getExecution(other)) as object).toMatchObject({ execution: { status: "queued" } });
      expect((await api.getExecution(running)) as object).toMatchObject({ execution: { status: "running" } });
      expect(
        await api.cancelMatching({
          ...call,
          filter: { statuses: ["queued"], label: "team=video" },
          dry_run: false,
        }),
      ).toEqual({ matched: 0, cancelled: 0, ended: [] });
    });
  });
}

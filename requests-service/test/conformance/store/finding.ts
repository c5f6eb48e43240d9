import { describe, expect, test } from "bun:test";
import { defaultProcessor, idFloor, type Labels, labelText } from "@sate/contracts";
import type { Execution } from "../../../src/executions/execution.ts";
import type { ExecutionIndex, Finding, RequestIndex } from "../../../src/finding/port.ts";
import { cancelOf, madeExecution, madeOutcome, madeRequest, newId, refOf, runOf } from "../../builders.ts";
import type { Given } from "./given.ts";

const all = { from: "", below: "~", limit: 1_000 };

export function findingConformance(given: Given): void {
  /** What only one test stores. */
  const ownLabel = () => {
    const value = newId();
    return { labels: { team: value, shared: "yes" } as Labels, label: labelText("team", value) };
  };
  /** Each is newer than the one before it. Newest first. */
  async function stored(count: number, parts: (index: number) => Partial<Execution>): Promise<Execution[]> {
    const executions: Execution[] = [];
    for (let index = 0; index < count; index++) executions.push(madeExecution(parts(index)));
    await given.store.executions.insert(executions);
    return executions.toReversed();
  }
  const idsOf = (found: { id: string }[]) => found.map(({ id }) => id);

  /** The ids of an index, walking pages of `limit`; `between` runs after each. */
  async function walk(
    read: Finding["executions"] | Finding["requests"],
    index: ExecutionIndex,
    { limit = 2, between = async () => {} }: { limit?: number; between?: () => Promise<unknown> } = {},
  ): Promise<string[]> {
    const ids: string[] = [];
    for (;;) {
      const page = idsOf(await read(index, { from: "", below: ids.at(-1) ?? "~", limit }));
      ids.push(...page);
      if (page.length < limit) return ids;
      await between();
    }
  }

  describe("finding", () => {
    test("executions are found by label, processor and status, newest first, as they were stored", async () => {
      const processor = newId();
      const { labels, label } = ownLabel();
      const executions = await stored(5, (index) => ({ processor, ...(index !== 2 && { labels }) }));
      await stored(2, () => ({}));
      const found = await given.other.finding.executions({ processor }, all);
      expect(found).toEqual(executions.map((execution) => expect.objectContaining(execution)));
      const labelled = executions.filter((one) => one.labels);
      expect(idsOf(await given.other.finding.executions({ label }, all))).toEqual(idsOf(labelled));
      expect(labelled).toHaveLength(4);
      // Only the whole label.
      for (const other of [label.slice(0, -1), `${label}x`, label.toUpperCase(), "team="]) {
        expect(await given.other.finding.executions({ label: other }, all)).toEqual([]);
      }
      const statuses = ["queued" as const];
      const slice = { ...all, from: executions.at(-1)?.id as string };
      const waiting = idsOf(await given.other.finding.executions({ statuses }, slice));
      expect(waiting).toEqual(expect.arrayContaining(idsOf(executions)));
      expect(waiting).toEqual(waiting.toSorted().toReversed());
      expect(idsOf(await given.other.finding.executions({}, slice))).toEqual(waiting);
    });

    test("labels are kept as they are, whatever their values", async () => {
      const team = newId();
      const labels: Labels = JSON.parse(
        `{"team":"${team}","empty":"","__proto__":"x","a.b":"$where","c":"ä=:'%\\u0000\u{1f600}"}`,
      );
      const [execution] = await stored(1, () => ({ labels }));
      const request = madeRequest({ labels });
      await given.store.requests.insert([request]);
      for (const [name, value] of Object.entries(labels)) {
        const [found] = await given.other.finding.executions({ label: labelText(name, value) }, all);
        expect(found?.id).toBe(execution?.id as string);
        expect(JSON.stringify(found?.labels)).toBe(JSON.stringify(labels));
        const [first] = await given.other.finding.requests({ label: labelText(name, value) }, all);
        expect(first?.id).toBe(request.id);
      }
      const read = (await given.other.requests.get([request.id])).get(request.id);
      expect(JSON.stringify(read?.labels)).toBe(JSON.stringify(labels));
    });

    test("a slice has the newest ids from its first on and below its last, and at most its limit", async () => {
      const processor = newId();
      const { labels, label } = ownLabel();
      const executions = await stored(6, () => ({ processor, labels, status: "failed" }));
      const requests = executions.map(({ id }) => madeRequest({ id, processor, labels }));
      await given.store.requests.insert(requests);
      const ids = idsOf(executions);
      const slice = { from: ids[4] as string, below: ids[0] as string };
      for (const index of [{ processor }, { label }, {}, { statuses: ["failed" as const] }]) {
        const { statuses, ...ofRequest } = index as ExecutionIndex;
        const wanted = { ...slice, limit: 10 };
        expect(idsOf(await given.store.finding.executions(index, wanted))).toEqual(ids.slice(1, 5));
        expect(idsOf(await given.store.finding.executions(index, { ...wanted, limit: 3 }))).toEqual(
          ids.slice(1, 4),
        );
        if (statuses) continue;
        expect(idsOf(await given.store.finding.requests(ofRequest, wanted))).toEqual(ids.slice(1, 5));
        expect(idsOf(await given.store.finding.requests(ofRequest, { ...wanted, limit: 3 }))).toEqual(
          ids.slice(1, 4),
        );
      }
      const nothing = { ...all, from: idFloor(Date.now() + 3_600_000) };
      expect(await given.store.finding.executions({ processor }, nothing)).toEqual([]);
      expect(await given.store.finding.requests({ processor }, nothing)).toEqual([]);
    });

    test("requests are found by processor; the default one has those that name none, too", async () => {
      const [processor, { labels, label }] = [newId(), ownLabel()];
      const requests = [
        madeRequest({ processor, labels }),
        madeRequest({ labels }),
        madeRequest({ processor: defaultProcessor, labels }),
        madeRequest({ processor: newId(), labels }),
      ] as const;
      await given.store.requests.insert([...requests]);
      const slice = { ...all, from: requests[0].id };
      const find = (index: RequestIndex) => given.other.finding.requests(index, slice);
      expect(await find({ processor })).toEqual([{ id: requests[0].id, processor }]);
      expect(idsOf(await find({ processor: defaultProcessor }))).toEqual([requests[2].id, requests[1].id]);
      expect(await find({ label })).toEqual(
        requests
          .toReversed()
          .map(({ id, processor }) => ({ id, ...(processor !== undefined && { processor }) })),
      );
    });

    test("a request or an execution that is not stored, because its key is taken, is not found by its labels", async () => {
      const { labels, label } = ownLabel();
      const [first] = await stored(1, () => ({}));
      const again = madeExecution({ request_id: first?.request_id as string, labels });
      expect(await given.store.executions.insert([again])).toEqual([false]);
      const request = madeRequest();
      await given.store.requests.insert([request]);
      await given.store.requests.insert([{ ...request, labels }]);
      expect(await given.store.finding.executions({ label }, all)).toEqual([]);
      expect(await given.store.finding.requests({ label }, all)).toEqual([]);
    });

    test("several statuses are merged, newest first", async () => {
      const statuses = ["failed" as const, "dead_lettered" as const, "cancelled" as const];
      const since = newId();
      const executions = await stored(9, (index) => {
        const status = statuses[index % 3] as (typeof statuses)[number];
        return { status, outcome: madeOutcome(status) };
      });
      await stored(3, () => ({ status: "succeeded" }));
      const read: Finding["executions"] = (index, slice) =>
        given.other.finding.executions(index, { ...slice, from: since });
      const ids = idsOf(executions);
      for (const limit of [1, 2, 4, 100]) expect(await walk(read, { statuses }, { limit })).toEqual(ids);
      const two = statuses.slice(1);
      expect(await walk(read, { statuses: two })).toEqual(
        idsOf(executions.filter(({ status }) => status !== "failed")),
      );
    });

    test("pages that are read while executions change their status lose and repeat none that keep it", async () => {
      const { labels, label } = ownLabel();
      const processor = newId();
      const executions = await stored(24, () => ({ labels, processor }));
      const moving = executions.filter((_, index) => index % 2 === 0);
      const staying = idsOf(executions.filter((_, index) => index % 2 === 1));
      const from = executions.at(-1)?.id as string;
      const read: Finding["executions"] = (index, slice) =>
        given.other.finding.executions(index, { ...slice, from });
      let moves = 0;
      const move = async () => {
        const queued = moving[moves++ % moving.length] as Execution;
        const now = await given.now(queued);
        if (now.status === "queued") {
          const { held } = await given.store.runs.claim(given.claimFor(), [refOf(now)]);
          // Half of them go on to their end, the others are queued again.
          if (moves % 4 < 2) {
            await given.store.runs.finish([{ ...runOf(held[0] as Execution), outcome: madeOutcome() }]);
          }
        } else if (now.status === "running") {
          await given.store.runs.requeue([runOf(now)], false);
        }
        // And new ones arrive.
        await stored(1, () => ({ labels, processor }));
      };
      for (const index of [{ statuses: ["queued" as const] }, { label }, { processor }]) {
        const ids = await walk(read, index, { limit: 3, between: move });
        const own = ids.filter((id) => staying.includes(id));
        expect(own).toEqual(staying);
        expect(new Set(ids).size).toBe(ids.length);
        if (!index.statuses) expect(idsOf(executions).every((id) => ids.includes(id))).toBe(true);
      }
    });

    test("an execution that ended is found under its last status only", async () => {
      const { labels, label } = ownLabel();
      const [execution] = (await stored(1, () => ({ labels }))) as [Execution];
      await given.store.executions.cancel(cancelOf(execution), madeOutcome("cancelled"));
      const slice = { ...all, from: execution.id, below: `${execution.id}~` };
      for (const status of ["queued", "running", "cancelled"] as const) {
        const found = await given.store.finding.executions({ statuses: [status] }, slice);
        expect(idsOf(found)).toEqual(status === "cancelled" ? [execution.id] : []);
      }
      expect(await given.store.finding.executions({ label }, all)).toMatchObject([
        { status: "cancelled", outcome: { status: "cancelled" } },
      ]);
    });

    test("a slice costs at most one call", async () => {
      const { labels, label } = ownLabel();
      await stored(3, () => ({ labels }));
      const before = given.database.operations();
      const indexes: ExecutionIndex[] = [
        {},
        { label },
        { processor: defaultProcessor },
        { statuses: ["queued", "failed"] },
      ];
      for (const index of indexes) await given.store.finding.executions(index, all);
      for (const index of indexes.slice(0, 3)) await given.store.finding.requests(index, all);
      expect(given.database.operations() - before).toBeLessThanOrEqual(7);
    });
  });
}

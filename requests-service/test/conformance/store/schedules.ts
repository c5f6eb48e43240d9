import { beforeEach, describe, expect, test } from "bun:test";
import { formatTimestamp } from "@sate/contracts";
import type { Schedule } from "../../../src/schedules/port.ts";
import { firingIds } from "../../../src/schedules/record.ts";
import { newId } from "../../builders.ts";
import { createCore } from "../../core.ts";
import type { Given } from "./given.ts";

export function madeSchedule(parts: Partial<Schedule> = {}): Schedule {
  return {
    ...{ id: newId(), cron: "* * * * *", time_zone: "UTC", missed: "skip", payload_json: '{"a": 1e400}' },
    ...{ creation_date: formatTimestamp(0), next_at: 60_000 },
    ...parts,
  };
}

/** Without the fields that are absent. */
const present = (value: object | null) => value && JSON.parse(JSON.stringify(value));

export function schedulesConformance(given: Given): void {
  describe("schedules", () => {
    const max = 1_000;
    const insert = (schedule: Schedule) => given.store.schedules.insert(schedule, max);
    const now = async (schedule: Schedule) => present(await given.other.schedules.get(schedule.id));
    const dueIds = async (until: number, limit = 100) =>
      (await given.other.schedules.due({ until, limit })).map(({ id }) => id);

    beforeEach(async () => {
      for (const { id } of await given.store.schedules.list({ limit: 1_000 })) {
        await given.store.schedules.remove(id);
      }
    });

    test("are stored as they are, byte for byte, and once", async () => {
      const full = madeSchedule({
        ...{ name: "näme", owner: "key", processor: "word-count", missed: "last", last_at: 5 },
        labels: { a: "1", "__proto__.x": "\u0000" },
        last_error: { at: 7, code: "unknown_processor", message: "It is away." },
        payload_json: '{"2": 1, "1": "\\ud800", "n": 9007199254740993}',
      });
      const least = madeSchedule({ next_at: undefined, paused_from: 9 });
      for (const schedule of [full, least]) {
        expect(present(await insert(schedule))).toEqual(present(schedule));
        expect(await now(schedule)).toEqual(present(schedule));
      }
      expect(present(await insert({ ...full, name: "other" }))).toEqual(present(full));
      expect(await given.store.schedules.get(newId())).toBeNull();
    });

    test("are refused beyond the maximum, but for those that are stored already", async () => {
      const [first, second, third] = [madeSchedule(), madeSchedule(), madeSchedule()];
      for (const schedule of [first, second]) {
        expect((await given.store.schedules.insert(schedule, 2))?.id).toBe(schedule.id);
      }
      expect(await given.store.schedules.insert(third, 2)).toBeNull();
      expect((await given.store.schedules.insert(second, 2))?.id).toBe(second.id);
      await given.store.schedules.remove(first.id);
      expect((await given.store.schedules.insert(third, 2))?.id).toBe(third.id);
    });

    test("are listed newest first, of one owner or of all, without their payloads", async () => {
      const mine = [madeSchedule({ owner: "a" }), madeSchedule({ owner: "a" }), madeSchedule({ owner: "a" })];
      const others = [madeSchedule({ owner: "b" }), madeSchedule()];
      for (const schedule of [...mine, ...others]) await insert(schedule);
      const newest = (schedules: Schedule[]) =>
        schedules
          .map(({ id }) => id)
          .toSorted()
          .toReversed();
      const list = async (page: Parameters<typeof given.store.schedules.list>[0]) =>
        (await given.store.schedules.list(page)).map(({ id }) => id);
      const ids = newest(mine);
      expect(await list({ limit: 100 })).toEqual(newest([...mine, ...others]));
      expect(await list({ owner: "a", limit: 2 })).toEqual(ids.slice(0, 2));
      expect(await list({ owner: "a", limit: 2, before: ids[1] })).toEqual(ids.slice(2));
      expect(await list({ owner: "c", limit: 2 })).toEqual([]);
      const [listed] = await given.store.schedules.list({ limit: 1 });
      expect(listed).not.toHaveProperty("payload_json");
    });

    test("are due once their instant has come, the earliest first, unless they are paused", async () => {
      const [late, early, later, paused] = [
        madeSchedule({ next_at: 200 }),
        madeSchedule({ next_at: 100 }),
        madeSchedule({ next_at: 201 }),
        madeSchedule({ next_at: undefined, paused_from: 50 }),
      ] as const;
      for (const schedule of [late, early, later, paused]) await insert(schedule);
      expect(await dueIds(99)).toEqual([]);
      expect(await dueIds(200)).toEqual([early.id, late.id]);
      expect(await dueIds(1_000, 2)).toEqual([early.id, late.id]);
      const [first] = await given.store.schedules.due({ until: 200, limit: 1 });
      expect(first?.payload_json).toBe(early.payload_json);
      expect(later.next_at).toBe(201);
    });

    test("are paused and resumed only if their instant is still the same", async () => {
      const schedule = madeSchedule({ next_at: 100, last_at: 40 });
      await insert(schedule);
      const setDue = given.other.schedules.setDue;
      expect(await setDue(schedule.id, { next_at: 99 }, { paused_from: 99 })).toBe(false);
      expect(await setDue(schedule.id, { paused_from: 100 }, { next_at: 7 })).toBe(false);
      expect(await setDue(schedule.id, { next_at: 100 }, { paused_from: 100 })).toBe(true);
      expect(await now(schedule)).toEqual(present({ ...schedule, next_at: undefined, paused_from: 100 }));
      expect(await setDue(schedule.id, { next_at: 100 }, { paused_from: 100 })).toBe(false);
      expect(await setDue(schedule.id, { paused_from: 100 }, { next_at: 300 })).toBe(true);
      expect(await now(schedule)).toEqual(present({ ...schedule, next_at: 300 }));
      expect(await setDue(newId(), { next_at: 300 }, { next_at: 1 })).toBe(false);
    });

    test("advance only from the instant of their turn; a firing clears the error, a pass changes nothing else", async () => {
      const schedule = madeSchedule({ next_at: 100 });
      await insert(schedule);
      const { id } = schedule;
      const { advance } = given.store.schedules;
      const last_error = { at: 100, code: "unknown_processor", message: "It is away." };
      expect(await advance([])).toBe(0);
      expect(await advance([{ id, from: 99, next_at: 200, last_at: 99 }])).toBe(0);
      expect(await now(schedule)).toEqual(present(schedule));
      expect(await advance([{ id, from: 100, next_at: 200, last_error }])).toBe(1);
      expect(await now(schedule)).toEqual(present({ ...schedule, next_at: 200, last_error }));
      expect(await advance([{ id, from: 200, next_at: 300 }])).toBe(1);
      expect(await now(schedule)).toEqual(present({ ...schedule, next_at: 300, last_error }));
      expect(await advance([{ id, from: 300, next_at: 400, last_at: 290 }])).toBe(1);
      expect(await now(schedule)).toEqual(present({ ...schedule, next_at: 400, last_at: 290 }));
      expect(await advance([{ id, from: 400, next_at: undefined, last_at: 400 }])).toBe(1);
      expect(await now(schedule)).toEqual(present({ ...schedule, next_at: undefined, last_at: 400 }));
    });

    test("that are paused during their turn advance and stay paused; deleted ones stay deleted", async () => {
      const [paused, deleted, other] = [madeSchedule(), madeSchedule(), madeSchedule()];
      for (const schedule of [paused, deleted, other]) await insert(schedule);
      const from = 60_000;
      await given.other.schedules.setDue(paused.id, { next_at: from }, { paused_from: from });
      await given.other.schedules.remove(deleted.id);
      await given.other.schedules.remove(deleted.id);
      const turns = [paused, deleted, other].map(({ id }) => ({ id, from, next_at: 120_000, last_at: from }));
      expect(await given.store.schedules.advance(turns)).toBe(2);
      const { next_at: _, ...rest } = paused;
      expect(await now(paused)).toEqual(present({ ...rest, paused_from: 120_000, last_at: from }));
      expect(await now(deleted)).toBeNull();
      expect(await now(other)).toMatchObject({ next_at: 120_000, last_at: from });
    });

    test("of 50 contenders that advance one from the same instant, one does", async () => {
      const schedule = madeSchedule();
      await insert(schedule);
      const turns = Array.from({ length: 50 }, (_, index) =>
        given.either(index).schedules.advance([{ id: schedule.id, from: 60_000, next_at: 120_000 + index }]),
      );
      expect((await Promise.all(turns)).filter((changed) => changed === 1)).toHaveLength(1);
    });

    test("two replicas that sweep at once, again and again, create each firing once", async () => {
      const cores = [given.store, given.other].map((store) => createCore({ store }));
      const start = Math.floor(given.store.now() / 60_000) * 60_000 - 60_000;
      const made = Array.from({ length: 20 }, () => madeSchedule({ next_at: start, missed: "last" }));
      for (const schedule of made) await insert(schedule);
      for (let round = 0; round < 3; round++) await Promise.all(cores.map((core) => core.sweepSchedules()));
      for (const core of cores) await core.outbox.flush();
      const fired = cores.map((core) => core.counters.read().schedules_fired ?? 0);
      const instants = new Set<number>();
      for (const schedule of made) {
        const { last_at = 0, next_at = 0 } = await now(schedule);
        expect([last_at >= start, next_at - last_at]).toEqual([true, 60_000]);
        for (let at = start; at <= last_at; at += 60_000) instants.add(at);
        const ids = [...instants].map((at) => firingIds(schedule, at).request_id);
        const executions = await given.store.executions.ofRequests(ids);
        for (const id of ids) expect(executions.get(id)?.length ?? 0).toBeLessThanOrEqual(1);
        expect(executions.get(firingIds(schedule, last_at).request_id)).toHaveLength(1);
      }
      const firings = await given.store.requests.get(
        made.flatMap((schedule) => [...instants].map((at) => firingIds(schedule, at).request_id)),
      );
      // Each is counted by the replica that advanced its schedule.
      expect(fired.reduce((sum, count) => sum + count, 0)).toBe(firings.size);
    });

    test("cost one read of an index while nothing is due, and no write", async () => {
      for (let index = 0; index < 20; index++) await insert(madeSchedule({ next_at: 1_000_000 + index }));
      const before = given.database.operations();
      expect(await dueIds(999_999)).toEqual([]);
      expect(given.database.operations() - before).toBeLessThanOrEqual(1);
    });
  });
}

import { describe, expect, test } from "bun:test";
import { limits, type NewSchedule, type RequestsApi } from "@sate/contracts";
import { newId } from "../../builders.ts";

type Api = Pick<
  RequestsApi,
  "createSchedule" | "getSchedule" | "listSchedules" | "pauseSchedule" | "resumeSchedule" | "deleteSchedule"
>;

const wanted = (parts: Partial<NewSchedule> = {}): NewSchedule => ({
  ...{ id: newId(), cron: "@daily", time_zone: "UTC", missed: "skip" },
  request: { payload_json: '{"a": 1e400}' },
  ...parts,
});

/** What requests-service promises of schedules. The fakes of it promise the same. */
export function schedulesApiConformance(name: string, make: () => Api): void {
  describe(`schedules of ${name}`, () => {
    test("a new one is returned with its next firings, and again by every repetition", async () => {
      const api = make();
      const schedule = wanted({ name: "nightly", owner: "a", missed: "last" });
      const created = await api.createSchedule(schedule);
      expect(created).toMatchObject({ kind: "created", schedule: { ...schedule, paused: false } });
      expect(created.kind === "created" && created.schedule.next).toHaveLength(limits.nextFirings);
      expect(await api.createSchedule(schedule)).toEqual(created);
      const { kind: _, ...found } = created;
      expect(await api.getSchedule({ schedule_id: schedule.id })).toEqual({
        kind: "found",
        ...found,
      } as never);
    });

    test("one that is not possible is refused with the reason", async () => {
      const api = make();
      expect(await api.createSchedule(wanted({ cron: "x" }))).toEqual({ kind: "invalid_cron" });
      expect(await api.createSchedule(wanted({ cron: "0 0 30 2 *" }))).toEqual({ kind: "never_fires" });
      expect(await api.createSchedule(wanted({ time_zone: "x" }))).toEqual({ kind: "unknown_time_zone" });
    });

    test("pausing and resuming are repeatable, and deleted ones are unknown", async () => {
      const api = make();
      const { id: schedule_id } = wanted();
      await api.createSchedule(wanted({ id: schedule_id }));
      for (const _ of [1, 2])
        expect(await api.pauseSchedule({ schedule_id })).toMatchObject({
          schedule: { paused: true, next: [] },
        });
      for (const _ of [1, 2]) {
        const { schedule } = (await api.resumeSchedule({ schedule_id })) as { schedule: { next: number[] } };
        expect(schedule).toMatchObject({ paused: false });
        expect(schedule.next).toHaveLength(limits.nextFirings);
      }
      expect(await api.deleteSchedule({ schedule_id })).toEqual({ kind: "deleted" });
      for (const call of [api.getSchedule, api.pauseSchedule, api.resumeSchedule, api.deleteSchedule])
        expect(await call({ schedule_id })).toEqual({ kind: "unknown_schedule" });
    });

    test("with an owner, only the schedules of this owner are found", async () => {
      const api = make();
      const [mine, other] = [wanted({ owner: "a" }), wanted({ owner: "b" })];
      for (const schedule of [mine, other]) await api.createSchedule(schedule);
      for (const call of [api.getSchedule, api.pauseSchedule, api.resumeSchedule, api.deleteSchedule])
        expect(await call({ schedule_id: mine.id, owner: "b" })).toEqual({ kind: "unknown_schedule" });
      const { schedules } = await api.listSchedules({ limit: 10, owner: "a" });
      expect(schedules.map(({ id }) => id)).toEqual([mine.id]);
      expect((await api.listSchedules({ limit: 10 })).schedules).toHaveLength(2);
    });

    test("lists are pages, newest first, without payloads", async () => {
      const api = make();
      const ids = [wanted(), wanted(), wanted()]
        .map(({ id }) => id)
        .toSorted()
        .toReversed();
      for (const id of ids) await api.createSchedule(wanted({ id }));
      const first = await api.listSchedules({ limit: 2 });
      expect([first.schedules.map(({ id }) => id), first.more]).toEqual([ids.slice(0, 2), true]);
      expect(first.schedules[0]?.request).toEqual({});
      const second = await api.listSchedules({ limit: 2, before: ids[1] as string });
      expect([second.schedules.map(({ id }) => id), second.more]).toEqual([ids.slice(2), false]);
    });
  });
}

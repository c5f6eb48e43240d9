import { expect, test } from "bun:test";
import { limits, type NewSchedule } from "@sate/contracts";
import { newId } from "../builders.ts";
import { type Core, testCore } from "../core.ts";

const wanted = (parts: Partial<NewSchedule> = {}): NewSchedule => ({
  ...{ id: newId(), cron: "0 * * * *", time_zone: "UTC", missed: "skip" },
  request: { payload_json: "1" },
  ...parts,
});
const create = (it: Core, parts: Partial<NewSchedule> = {}) => it.commands.createSchedule(wanted(parts));

test("a new schedule is shown with its next firings; creating it again changes nothing", async () => {
  const it = testCore();
  it.time.now = Date.parse("2026-03-28T00:00Z");
  const schedule = wanted({ cron: "30 2 * * *", time_zone: "Europe/Berlin", name: "nightly", owner: "key" });
  const answer = await it.commands.createSchedule(schedule);
  expect(answer).toMatchObject({ kind: "created", schedule: { ...schedule, paused: false } });
  const next = answer.kind === "created" ? answer.schedule.next.map((at) => new Date(at).toISOString()) : [];
  expect(next.map((at) => at.slice(0, 16))).toEqual([
    ...["2026-03-28T01:30", "2026-03-29T01:30", "2026-03-30T00:30", "2026-03-31T00:30", "2026-04-01T00:30"],
  ]);
  it.time.now += 3_600_000;
  expect(await it.commands.createSchedule(schedule)).toEqual(answer);
});

test("the maximum number of schedules is accepted, and one more is refused", async () => {
  const it = testCore();
  for (let count = 0; count < limits.schedulesMax; count++) {
    expect((await create(it)).kind).toBe("created");
  }
  expect(await create(it)).toEqual({ kind: "full" });
});

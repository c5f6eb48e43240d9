import { describe, expect, test } from "bun:test";
import type { NewSchedule, ScheduleRecord } from "@sate/contracts";
import { timeOfId } from "../../src/removals/age.ts";
import { createScheduleSweep } from "../../src/schedules/sweep.ts";
import { madeOutcome, newId } from "../builders.ts";
import { beforeNext, type Core, testCore } from "../core.ts";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const running = new AbortController().signal;

/** A schedule that fires at every full hour, unless `parts` say something else. */
async function scheduled(it: Core, parts: Partial<NewSchedule> = {}): Promise<ScheduleRecord> {
  const schedule: NewSchedule = {
    ...{ id: newId(), cron: "0 * * * *", time_zone: "UTC", missed: "skip" },
    request: { payload_json: '{"a": 1e400}' },
    ...parts,
  };
  const answer = await it.commands.createSchedule(schedule);
  if (answer.kind !== "created") throw new Error(`it was not created: ${answer.kind}`);
  return answer.schedule;
}

async function now(it: Core, { id: schedule_id }: { id: string }): Promise<ScheduleRecord> {
  const found = await it.commands.getSchedule({ schedule_id });
  if (found.kind !== "found") throw new Error("it is not stored");
  return found.schedule;
}

/** All requests, oldest first, with their executions. */
async function created(it: Core) {
  const { requests } = await it.commands.listRequests({ limit: 100 });
  const executions = await it.store.executions.ofRequests(requests.map(({ id }) => id));
  return requests.toReversed().map((request) => ({ request, executions: executions.get(request.id) ?? [] }));
}

const first = (schedule: ScheduleRecord) => schedule.next[0] as number;
/** Another replica, on the same database. */
const replica = (it: Core) => createScheduleSweep(it.ports, it.commands.createRequests);

describe("a firing", () => {
  test("is a request and its execution, with the payload byte for byte, and a label that names the schedule", async () => {
    const it = testCore();
    const request = {
      payload_json: '{"n": 9007199254740993}',
      processor: "word-count",
      labels: { team: "a" },
    };
    const schedule = await scheduled(it, { request });
    it.time.now = first(schedule) - 1;
    await it.sweepSchedules();
    expect(await created(it)).toEqual([]);
    it.time.now = first(schedule);
    await it.sweepSchedules();
    await it.sweepSchedules();
    const [firing, ...others] = await created(it);
    expect(others).toEqual([]);
    expect(firing?.request).toMatchObject({
      ...request,
      labels: { team: "a", "sate.schedule": schedule.id },
    });
    expect(firing?.executions).toMatchObject([{ attempt: 1, status: "queued", processor: "word-count" }]);
    // Its id is of the scheduled instant.
    expect(timeOfId(firing?.request.id ?? "")).toBe(first(schedule));
    const after = await now(it, schedule);
    expect(after.next[0]).toBe(first(schedule) + hourMs);
    expect(after.last).toMatchObject({
      at: first(schedule),
      request_id: firing?.request.id,
      execution: { id: firing?.executions[0]?.id, status: "queued" },
    });
    expect(it.counters.read().schedules_fired).toBe(1);
  });

  test("that was removed is shown without its execution", async () => {
    const it = testCore();
    const schedule = await scheduled(it);
    it.time.now = first(schedule);
    await it.sweepSchedules();
    const fired = await now(it, schedule);
    const { request_id, execution } = fired.last as Required<ScheduleRecord>["last"];
    const run = await it.run(await it.worker(), { ...execution, request_id } as never);
    await it.commands.finish({ runs: [{ ...run, outcome: madeOutcome() }] });
    it.results.record(run);
    expect(await it.commands.removeRequest({ request_id })).toEqual({ kind: "removed" });
    const { execution: _, ...last } = fired.last as Required<ScheduleRecord>["last"];
    expect((await now(it, schedule)).last).toEqual(last);
  });

  test("does not wait for the one before it", async () => {
    const it = testCore();
    const schedule = await scheduled(it);
    for (const hour of [0, 1]) {
      it.time.now = first(schedule) + hour * hourMs;
      await it.sweepSchedules();
    }
    expect((await created(it)).map(({ executions }) => executions[0]?.status)).toEqual(["queued", "queued"]);
  });

  test("whose processor is unknown creates nothing and is recorded; the schedule goes on", async () => {
    const it = testCore();
    it.processors.announce("other");
    const schedule = await scheduled(it, { request: { payload_json: "1", processor: "word-count" } });
    it.time.now = first(schedule);
    await it.sweepSchedules();
    expect(await created(it)).toEqual([]);
    const refused = await now(it, schedule);
    expect(refused.last_error).toMatchObject({ at: first(schedule), code: "unknown_processor" });
    expect([refused.last, refused.next[0]]).toEqual([undefined, first(schedule) + hourMs]);
    it.processors.announce("word-count");
    it.time.now += hourMs;
    await it.sweepSchedules();
    expect(await created(it)).toHaveLength(1);
    expect(await now(it, schedule)).not.toHaveProperty("last_error");
  });

  test("of which a process has died before the schedule advanced is not repeated by the next", async () => {
    const it = testCore();
    const schedule = await scheduled(it);
    it.time.now = first(schedule);
    const { advance } = it.store.schedules;
    it.store.schedules.advance = async () => Promise.reject(new Error("killed"));
    await expect(it.sweepSchedules()).rejects.toThrow("killed");
    it.store.schedules.advance = advance;
    it.time.now += 1_000;
    await replica(it)(running);
    expect(await created(it)).toHaveLength(1);
    expect((await now(it, schedule)).last?.at).toBe(first(schedule));
  });

  test("that has ended is not repeated by a replica that read the schedule before it", async () => {
    const it = testCore();
    const schedule = await scheduled(it);
    it.time.now = first(schedule);
    const stale = await it.store.schedules.due({ until: it.time.now, limit: 1 });
    await it.sweepSchedules();
    const [firing] = await created(it);
    const { request_id, id } = firing?.executions[0] ?? { request_id: "", id: "" };
    await it.commands.cancelExecution({ request_id, execution_id: id });
    const { due } = it.store.schedules;
    it.store.schedules.due = async () => {
      it.store.schedules.due = due;
      return stale;
    };
    await replica(it)(running);
    expect(await created(it)).toMatchObject([{ executions: [{ id, status: "cancelled" }] }]);
    expect((await now(it, schedule)).next[0]).toBe(first(schedule) + hourMs);
  });
});

test("two replicas, restarts and a clock that jumps back and forth fire each instant once", async () => {
  const it = testCore();
  const schedule = await scheduled(it, { cron: "* * * * *", missed: "last" });
  const start = first(schedule);
  for (const [step, offset] of [0, 1, 61, 2, 3, -58, 62, 63, 5, 64].entries()) {
    it.time.now = start + offset * minuteMs;
    const sweeps = [1, 2, 3].map(() => replica(it)(running));
    // One of them dies in the middle.
    if (step % 3 === 0) beforeNext(it.store.schedules, "advance", () => Promise.reject(new Error("killed")));
    await Promise.allSettled(sweeps);
    await replica(it)(running);
  }
  const instants = (await created(it)).map(({ request }) => (timeOfId(request.id) - start) / minuteMs);
  // What lies between 1 and 59 was missed when the clock jumped; of it the latest fired.
  expect(instants).toEqual([0, 1, 59, 60, 61, 62, 63, 64]);
  for (const { executions } of await created(it)) expect(executions).toHaveLength(1);
});

test("every schedule that is due fires in one sweep, of more than a page, also with several sweepers", async () => {
  const it = testCore();
  const schedules: ScheduleRecord[] = [];
  for (let index = 0; index < 60; index++) schedules.push(await scheduled(it));
  it.time.now = first(schedules[0] as ScheduleRecord);
  await Promise.all([1, 2, 3].map(() => replica(it)(running)));
  expect(await created(it)).toHaveLength(60);
  expect(it.counters.read().schedules_fired).toBe(60);
  it.time.now += hourMs;
  await it.sweepSchedules(AbortSignal.abort());
  expect(await created(it)).toHaveLength(60);
});

describe("what was missed", () => {
  const missed = async (it: Core, parts: Partial<NewSchedule>) => {
    const schedule = await scheduled(it, parts);
    it.time.now = first(schedule) + 5 * hourMs + 2 * minuteMs;
    await it.sweepSchedules();
    return schedule;
  };

  test("is skipped", async () => {
    const it = testCore();
    const schedule = await missed(it, { missed: "skip" });
    expect(await created(it)).toEqual([]);
    expect(it.counters.read().schedules_missed).toBe(1);
    expect((await now(it, schedule)).next[0]).toBe(first(schedule) + 6 * hourMs);
  });

  test("is made up for by the latest", async () => {
    const it = testCore();
    const schedule = await missed(it, { missed: "last" });
    expect(await created(it)).toHaveLength(1);
    expect((await now(it, schedule)).last?.at).toBe(first(schedule) + 5 * hourMs);
  });
});

describe("pausing and deleting", () => {
  const ref = ({ id }: ScheduleRecord) => ({ schedule_id: id });

  test("a paused schedule does not fire; what it missed is skipped when it is resumed", async () => {
    const it = testCore();
    const schedule = await scheduled(it);
    await it.commands.pauseSchedule(ref(schedule));
    expect(await it.commands.pauseSchedule(ref(schedule))).toMatchObject({
      schedule: { paused: true, next: [] },
    });
    it.time.now = first(schedule) + 2 * hourMs + 2 * minuteMs;
    await it.sweepSchedules();
    for (const _ of [1, 2]) {
      const resumed = await it.commands.resumeSchedule(ref(schedule));
      expect(resumed).toMatchObject({ schedule: { paused: false } });
      expect(resumed.kind === "found" && resumed.schedule.next[0]).toBe(first(schedule) + 3 * hourMs);
    }
    await it.sweepSchedules();
    expect(await created(it)).toEqual([]);
  });

  test("with `last`, it makes up for the latest when it is resumed", async () => {
    const it = testCore();
    const schedule = await scheduled(it, { missed: "last" });
    await it.commands.pauseSchedule(ref(schedule));
    it.time.now = first(schedule) + 2 * hourMs + 2 * minuteMs;
    await it.commands.resumeSchedule(ref(schedule));
    await it.sweepSchedules();
    expect((await now(it, schedule)).last?.at).toBe(first(schedule) + 2 * hourMs);
    expect(await created(it)).toHaveLength(1);
  });

  test("a schedule that waits because the clock was set back starts afresh when it is resumed", async () => {
    const it = testCore();
    const schedule = await scheduled(it);
    it.time.now -= 48 * hourMs;
    await it.commands.pauseSchedule(ref(schedule));
    await it.commands.resumeSchedule(ref(schedule));
    expect((await now(it, schedule)).next[0]).toBe(first(schedule) - 48 * hourMs);
  });

  test("one that is paused in the instant of a firing fires once, is shown with it, and stays paused", async () => {
    const it = testCore();
    const schedule = await scheduled(it, { missed: "last" });
    it.time.now = first(schedule);
    beforeNext(it.store.requests, "insert", () => it.commands.pauseSchedule(ref(schedule)));
    await it.sweepSchedules();
    const paused = await now(it, schedule);
    expect([paused.paused, paused.last?.at]).toEqual([true, first(schedule)]);
    it.time.now += 30 * minuteMs;
    await it.commands.resumeSchedule(ref(schedule));
    await it.sweepSchedules();
    expect(await created(it)).toHaveLength(1);
    expect((await now(it, schedule)).next[0]).toBe(first(schedule) + hourMs);
  });

  test("one that fires while it is paused is read again", async () => {
    const it = testCore();
    const schedule = await scheduled(it);
    it.time.now = first(schedule);
    beforeNext(it.store.schedules, "setDue", () => it.sweepSchedules());
    await it.commands.pauseSchedule(ref(schedule));
    const paused = await now(it, schedule);
    expect([paused.paused, paused.last?.at]).toEqual([true, first(schedule)]);
  });

  test("one that is deleted in the instant of a firing may still fire, once, and no longer", async () => {
    const it = testCore();
    const schedule = await scheduled(it);
    it.time.now = first(schedule);
    beforeNext(it.store.requests, "insert", () => it.commands.deleteSchedule(ref(schedule)));
    await it.sweepSchedules();
    it.time.now += hourMs;
    await it.sweepSchedules();
    expect(await created(it)).toHaveLength(1);
    expect(await it.commands.getSchedule(ref(schedule))).toEqual({ kind: "unknown_schedule" });
  });
});

test("a database that does not respond fails the sweep, and the next one fires", async () => {
  const it = testCore();
  const schedule = await scheduled(it);
  it.time.now = first(schedule);
  beforeNext(it.store.requests, "insert", () => Promise.reject(new Error("away")));
  await expect(it.sweepSchedules()).rejects.toThrow("away");
  await it.sweepSchedules();
  expect(await created(it)).toHaveLength(1);
});

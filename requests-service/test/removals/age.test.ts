import { expect, test } from "bun:test";
import { derivedId, idFloor } from "@sate/contracts";
import { endOf, timeOfId } from "../../src/removals/age.ts";
import { isOlder } from "../../src/removals/decide.ts";
import { madeExecution, newId } from "../builders.ts";

const idAt = (time: number) => derivedId(time);

test("the time of an id is that of its creation, and the bound of an instant is between the ids before and after it", () => {
  const before = Date.now();
  const time = timeOfId(newId());
  expect(time).toBeGreaterThanOrEqual(before);
  expect(time).toBeLessThanOrEqual(Date.now());
  expect(timeOfId(idAt(12_345))).toBe(12_345);
  expect(idAt(12_344) < idFloor(12_345)).toBe(true);
  expect(idAt(12_345) < idFloor(12_345)).toBe(false);
  expect(idFloor(-1)).toBe(idFloor(0));
});

test("the end of an execution is known once its result is confirmed; without an instant, by its deadline or its id", () => {
  const id = idAt(1_000);
  const final = { id, status: "succeeded", mark: undefined, ended_at: 5_000, deadline_at: 9_000 } as const;
  const ends = [
    final,
    { ...final, ended_at: undefined },
    { ...final, ended_at: undefined, deadline_at: undefined },
    { ...final, mark: "confirm" },
    { ...final, mark: "outcome" },
    { ...final, status: "running" as const },
    { ...final, status: "queued" as const },
  ].map((parts) => endOf(madeExecution(parts)));
  expect(ends).toEqual([5_000, 9_000, 1_000, null, null, null, null]);
});

test("a request is as old as the newest of its creation and the ends of its executions", () => {
  const request = { id: idAt(1_000) };
  const ended = (ended_at: number) => madeExecution({ status: "failed", mark: undefined, ended_at });
  expect(isOlder(request, [], 1_000)).toBe(false);
  expect(isOlder(request, [], 1_001)).toBe(true);
  expect(isOlder(request, [ended(1_500), ended(2_000)], 2_000)).toBe(false);
  expect(isOlder(request, [ended(1_500), ended(2_000)], 2_001)).toBe(true);
  expect(isOlder(request, [ended(1_500), madeExecution()], 9_000)).toBe(false);
  const start = { execution_id: newId(), max_failures: 1 };
  expect(isOlder({ ...request, start }, [], 9_000)).toBe(false);
  const marker = madeExecution({ status: "removed", mark: undefined, ended_at: 1 });
  expect(isOlder(request, [ended(1_500), marker], 9_000)).toBe(false);
});

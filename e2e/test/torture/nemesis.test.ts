import { expect, test } from "bun:test";
import type { Fault, Nemesis } from "../../src/torture/faults/fault.ts";
import { faultsFor, hits, notDone, rage } from "../../src/torture/nemesis.ts";
import { seeded } from "../../src/torture/random.ts";

const nemesis = (seed: number) => ({ random: seeded(seed), stalls: [], malformed: [] }) as unknown as Nemesis;

test("every fault that applies to a system is in its deck", () => {
  const ids = (system: "cluster" | "standalone") =>
    [...new Set(faultsFor({ system, only: [], minutes: 60 }).map(({ id }) => id))].sort();
  const here = [
    "F1",
    "F2",
    "F3",
    "F4",
    "F5",
    "F6",
    "F7",
    "F8",
    "F9",
    "F10",
    "F11",
    "F13",
    "F14",
    "F15",
    "F16",
    "F19",
    "F20",
    "F23",
  ];
  expect(ids("cluster")).toEqual(here.sort());
  expect(ids("standalone")).toEqual(["F12", "F21", "F22", "F23", "F7"]);
  const some = (only: string[], minutes: number) => faultsFor({ system: "cluster", only, minutes }).length;
  expect(some(["F9"], 1)).toBe(4);
  expect(some(["F13"], 1)).toBe(4);
  // The long queue comes in long runs, and where it is asked for.
  expect(some([], 30)).toBe(some([], 29) + 1);
  expect(some(["F20"], 1)).toBe(2);
});

test("a fault that throws is noted, and each fault runs once before any runs again", async () => {
  const names = ["a", "b", "c"];
  const faults = names.map(
    (name): Fault => ({
      id: "F1",
      name,
      async run() {
        if (name === "b") throw new Error("it could not");
        return { targets: ["processor-1"], outcome: "done" };
      },
    }),
  );
  const done = await rage(nemesis(1), { faults, ms: 50, pauseMs: { least: 1, most: 2 }, say() {} });
  expect(
    done
      .slice(0, 3)
      .map(({ name }) => name)
      .sort(),
  ).toEqual(names.slice(0, Math.min(3, done.length)));
  for (const { name, outcome } of done) expect(outcome).toBe(name === "b" ? "failed: it could not" : "done");
});

test("hits are counted by component", () => {
  const one = { id: "F11", name: "x", atSeconds: 0, seconds: 1, outcome: "healed" };
  expect(hits([{ ...one, targets: ["processor-1→kafka", "processor-2→kafka"] }])).toEqual({
    F11: { "processor→kafka": 2 },
  });
});

test("faults that were not done are named, and a missed one counts as not done", () => {
  const faults = faultsFor({ system: "cluster", only: ["F8", "F11"], minutes: 60 });
  const [stop] = faults;
  const one = { id: "F8", name: stop?.name ?? "", atSeconds: 0, seconds: 1, targets: ["x-1"], outcome: "" };
  expect(notDone(faults, [{ ...one, missed: true }])).toContain(`F8 ${stop?.name}`);
  const reset = { ...one, id: "F11", name: "link: reset", targets: ["processor-1→kafka"] };
  const left = notDone(faults, [one, reset]);
  expect(left).not.toContain(`F8 ${stop?.name}`);
  expect(left).not.toContain("link: reset on processor→kafka");
  expect(left).toContain("link: reset on requests-service→kafka");
  expect(left).toContain("link: late on processor→kafka");
});

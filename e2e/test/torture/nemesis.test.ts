import { expect, test } from "bun:test";
import { freePorts } from "../../src/system/ports.ts";
import { type Fault, fault, type Nemesis } from "../../src/torture/faults/fault.ts";
import { ways } from "../../src/torture/links.ts";
import { type Done, faultsFor, hits, notDone, rage } from "../../src/torture/nemesis.ts";
import { seeded } from "../../src/torture/random.ts";

test("every fault that applies to a system is in its deck", () => {
  const ids = (system: "cluster" | "standalone") =>
    new Set(faultsFor({ system, only: [], minutes: 60 }).map(({ id }) => Number(id.slice(1))));
  // F17 and F18 are part of the load.
  expect(ids("cluster")).toEqual(new Set([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16, 19, 20, 23]));
  expect(ids("standalone")).toEqual(new Set([4, 7, 9, 12, 21, 22, 23]));
  const some = (only: string[], minutes: number) => faultsFor({ system: "cluster", only, minutes }).length;
  expect(some(["F9"], 1)).toBe(5);
  expect(some(["F13"], 1)).toBe(4);
  // The long queue is part of long runs, and of those that name it.
  expect(some([], 30)).toBe(some([], 29) + 1);
  expect(some(["F20"], 1)).toBe(2);
});

test("a fault that throws is missed, and each fault runs once before any runs again", async () => {
  const names = ["a", "b", "c"];
  const faults = names.map(
    (name): Fault =>
      fault("F1", name, async () => {
        if (name === "b") throw new Error("it could not");
        return { targets: ["processor-1"], outcome: "done" };
      }),
  );
  const nemesis = { random: seeded(1) } as unknown as Nemesis;
  const done = await rage(nemesis, { faults, ms: 50, pauseMs: { least: 1, most: 2 }, say() {} });
  const firstNames = done.slice(0, 3).map(({ name }) => name);
  expect(firstNames.sort()).toEqual(names.slice(0, Math.min(3, done.length)));
  for (const { name, outcome, missed } of done)
    expect([outcome, missed]).toEqual(name === "b" ? ["failed: it could not", true] : ["done", undefined]);
});

const one: Done = { id: "F11", name: "link: reset", atSeconds: 0, seconds: 1, outcome: "", targets: [] };

test("hits are counted by component", () => {
  const targets = ["processor-1→kafka", "processor-2→kafka"];
  expect(hits([{ ...one, targets }])).toEqual([["F11", "processor→kafka", 2]]);
});

test("faults that were not injected are named, and a missed one counts as not injected", () => {
  const faults = faultsFor({ system: "cluster", only: ["F8", "F11"], minutes: 60 });
  const [stop] = faults as [Fault];
  const missed: Done = { ...one, id: "F8", name: stop.name, targets: ["x-1"], missed: true };
  const reset = { ...one, targets: ["processor-1→kafka"] };
  expect(notDone(faults, [missed])).toContain(`F8 ${stop.name}`);
  const left = notDone(faults, [{ ...one, id: "F8", name: stop.name, targets: ["x-1"] }, reset]);
  expect(left).not.toContain(`F8 ${stop.name}`);
  expect(left).not.toContain("link: reset on processor→kafka");
  expect(left).toContain("link: reset on requests-service→kafka");
  expect(left).toContain("link: late on processor→kafka");
});

test("every link between processes is listed once", () => {
  const all = ways().map(({ from, to }) => `${from}→${to}`);
  expect(new Set(all).size).toBe(all.length);
  expect(all).toContain("gateway-1→requests-service-2");
  expect(all).toContain("gateway-1→results-service-1");
  expect(all).toContain("requests-service-2→results-listener-1");
  expect(all).toContain("processor-3→kafka");
  expect(all).toContain("results-service-1→results-db");
  expect(all).toHaveLength(3 + 2 * 5 + 4 * 3 + 2 * 2 + 1);
});

test("ports are distinct and outside the range of outgoing connections", async () => {
  const ports = await freePorts(40);
  expect(new Set(ports).size).toBe(40);
  expect(Math.max(...ports)).toBeLessThan(32_768);
});

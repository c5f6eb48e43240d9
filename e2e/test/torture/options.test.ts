import { expect, test } from "bun:test";
import { readOptions } from "../../src/torture/options.ts";
import { seeded } from "../../src/torture/random.ts";
import { commandOf } from "../../src/torture/report.ts";

test("options are parsed, and the command in the report repeats the run", () => {
  const read = readOptions(["--seed", "7", "--minutes", "1.5", "--only", "F7,F9"], 1);
  if (read.kind !== "read") throw new Error(read.problems.join());
  expect(read.options).toEqual({ seed: 7, minutes: 1.5, only: ["F7", "F9"], rate: 40, system: "cluster" });
  const words = commandOf(read.options).split(" ").slice(3);
  expect(readOptions(words, 2)).toEqual(read);
});

test("all mistakes are reported at once", () => {
  const read = readOptions(
    ["--seed", "x", "--minutes", "0", "--only", "G1", "--sistem", "y", "--rate", "-1"],
    1,
  );
  expect(read.kind === "wrong" && read.problems.length).toBe(5);
});

test("a seed repeats itself", () => {
  const drawn = (seed: number) => Array.from({ length: 5 }, seeded(seed).next);
  expect(drawn(3)).toEqual(drawn(3));
  expect(drawn(3)).not.toEqual(drawn(4));
});

import { expect, test } from "bun:test";
import { type Options, readOptions } from "../../src/torture/options.ts";
import { seeded } from "../../src/torture/random.ts";
import { commandOf } from "../../src/torture/report.ts";

test("options are parsed, and the command in the report repeats the run", () => {
  const options = readOptions(["--seed", "7", "--minutes", "1.5", "--only", "F7,F9"], 1);
  expect(options).toEqual({ seed: 7, minutes: 1.5, only: ["F7", "F9"], rate: 40, system: "cluster" });
  expect(
    readOptions(
      commandOf(options as Options)
        .split(" ")
        .slice(3),
      2,
    ),
  ).toEqual(options);
});

test("all problems of options are reported at once", () => {
  const words = ["--seed", "x", "--minutes", "0", "--only", "G1", "--sistem", "y", "--rate", "-1"];
  expect(readOptions(words, 1)).toEqual({ problems: Array(5).fill(expect.any(String)) });
});

test("a seed repeats itself", () => {
  const drawn = (seed: number) => Array.from({ length: 5 }, seeded(seed).next);
  expect(drawn(3)).toEqual(drawn(3));
  expect(drawn(3)).not.toEqual(drawn(4));
});

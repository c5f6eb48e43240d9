import { expect, test } from "bun:test";
import { createProgress, lineOf } from "../../src/move/command/progress.ts";

test("a line has the share, the number of records, the rate and the remaining time", () => {
  const shown = { what: "copying requests", done: 25_000, total: 100_000, seconds: 5 };
  expect(lineOf(shown, false)).toBe("copying requests 25% 25,000 of 100,000, 5,000/s, 0:15 left");
  expect(lineOf(shown, true)).toContain(" [#####---------------] 25%");
  expect(lineOf({ ...shown, total: 500_000_000 }, false)).toEndWith("27:46:35 left");
  expect(lineOf({ ...shown, done: 0, seconds: 0 }, false)).toBe("copying requests 0% 0 of 100,000, 0/s");
  expect(lineOf({ ...shown, done: 120_000 }, false)).toContain(" 100% 120,000 of 100,000");
});

/** Adds a record each 50 ms for 11 s, and returns what was written. */
function elevenSeconds(isTTY: boolean): string[] {
  const written: string[] = [];
  let time = 0;
  const out = { write: (text: string) => written.push(text), isTTY, columns: 60 };
  const progress = createProgress(out, () => time);
  progress.begin(1_000);
  progress.at("copying");
  for (; time < 11_000; time += 50) progress.add(1);
  progress.note("A note.");
  progress.end();
  return written;
}

test("elsewhere than on a terminal there is a plain line every five seconds", () => {
  const written = elevenSeconds(false);
  expect(written).toHaveLength(3);
  expect(written.join("")).toMatch(/^copying 10% .*\ncopying 20% .*\nA note\.\n$/);
});

test("on a terminal one line is written again, within its width, and cleared before another", () => {
  const written = elevenSeconds(true);
  expect(written.length).toBeGreaterThan(100);
  const clear = "\r\u001b[K";
  for (const text of written.slice(0, -3)) {
    expect(text).toStartWith(`${clear}copying [`);
    expect(text.length).toBeLessThan(clear.length + 60);
  }
  expect(written.slice(-3)).toEqual([clear, "A note.\n", clear]);
});

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { bugs } from "../src/bugs.ts";

for (const { name, file, from } of bugs) {
  test(`there is one place for: ${name}`, () => {
    const text = readFileSync(join(import.meta.dir, "../..", file), "utf8");
    expect(text.split(from)).toHaveLength(2);
  });
}

import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { read, root } from "./folders.ts";

const page = read("docs/guarantees.md");

test("every test that docs/guarantees.md names is there", () => {
  const named = [...page.matchAll(/^- `([^`]+\.ts)`: (?:the failpoint )?"([^"]+)"/gm)];
  expect(named.length).toBeGreaterThan(15);
  const missing = named.filter(([, path = "", name = ""]) => {
    const texts = [path, ...(path === "e2e/test/failpoints.test.ts" ? ["e2e/src/failpoints.ts"] : [])];
    return !texts.some((text) => existsSync(join(root, text)) && read(text).includes(name));
  });
  expect(missing.map(([line]) => line)).toEqual([]);
});

test("every planted bug that it names is planted", () => {
  const bugs = read("standalone/test/model/bugs.ts");
  const named = [...page.matchAll(/planted: ((?:"[^"]+"(?:, )?)+)/g)].flatMap(([, list = ""]) =>
    [...list.matchAll(/"([^"]+)"/g)].map(([, name = ""]) => name),
  );
  expect(named).toHaveLength(12);
  for (const name of named) expect(bugs).toContain(`"${name}"`);
});

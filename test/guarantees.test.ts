import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { read, root } from "./folders.ts";

const page = read("docs/guarantees.md");

test("every test that docs/guarantees.md names exists", () => {
  const named = [...page.matchAll(/^- `([^`]+\.ts)`: (?:the failpoint )?"([^"]+)"/gm)];
  expect(named.length).toBeGreaterThan(15);
  const missing = named.filter(([, path = "", name = ""]) => {
    const texts = [path, ...(path === "e2e/test/failpoints.test.ts" ? ["e2e/src/system/failpoints.ts"] : [])];
    return !texts.some((text) => existsSync(join(root, text)) && read(text).includes(name));
  });
  expect(missing.map(([line]) => line)).toEqual([]);
});

test("docs/guarantees.md names exactly the bugs that the model plants", () => {
  const planted = [...read("standalone/test/model/bugs.ts").matchAll(/^ {2}"([^"]+)":/gm)];
  const named = [...page.matchAll(/planted: ((?:"[^"]+"(?:, )?)+)/g)].flatMap(([, list = ""]) =>
    [...list.matchAll(/"([^"]+)"/g)].map(([, name = ""]) => name),
  );
  expect(planted.length).toBeGreaterThan(0);
  expect(named.toSorted()).toEqual(planted.map(([, name = ""]) => name).toSorted());
});

import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { contracts, read, root, services, sources, standalone } from "./folders.ts";

/**
 * Services share no code but contracts, which depends on no framework and no driver. What needs one is repeated to the
 * letter, so that a fault that is fixed in one service is fixed in all. In these folders every file is such a copy.
 */
const repeated = /^src\/(runtime|adapters\/kafka)\//;
const copies = [...services, standalone].flatMap((folder) =>
  sources(folder).map((path) => path.slice(folder.length + 1)),
);
const twins = [...new Set(copies.filter((path) => repeated.test(path))), "bunfig.toml", "tsconfig.json"];

test.each(twins)("%s is the same in every service that has it", (path) => {
  const holders = [contracts, ...services, standalone].filter((folder) =>
    existsSync(join(root, folder, path)),
  );
  expect(holders.length).toBeGreaterThan(0);
  expect(new Set(holders.map((folder) => read(`${folder}/${path}`))).size).toBe(1);
});

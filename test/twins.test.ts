import { expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { contracts, folders, read, root, services, sources, standalone } from "./folders.ts";

/**
 * Services share no code but contracts, which depends on no framework and no driver. So what needs one is repeated. What is repeated is the same to the
 * letter: a fault that is mended in one is mended in all. In these rooms every file is such a copy.
 */
const rooms = ["src/runtime/", "src/adapters/kafka/"];
const inRooms = [...services, standalone]
  .flatMap((folder) => sources(folder).map((path) => path.slice(folder.length + 1)))
  .filter((path) => rooms.some((room) => path.startsWith(room)));

const twins = [
  ...new Set(inRooms),
  // Copies elsewhere.
  "test/servers.ts",
  "bunfig.toml",
  "tsconfig.json",
];

for (const path of twins) {
  test(`${path} is the same in every service that has it`, () => {
    const copies = [contracts, ...services, standalone].filter((folder) =>
      existsSync(join(root, folder, path)),
    );
    expect(copies.length).toBeGreaterThan(0);
    const texts = new Set(copies.map((folder) => read(`${folder}/${path}`)));
    expect(texts.size).toBe(1);
  });
}

test("every folder that depends on a patched package applies the one patch at the root", () => {
  const files = readdirSync(join(root, "patches")).filter((file) => file.endsWith(".patch"));
  const patched = files.map((file) => file.slice(0, -".patch".length));
  expect(patched.length).toBeGreaterThan(0);
  for (const folder of folders) {
    const { dependencies, devDependencies, patchedDependencies } = JSON.parse(read(`${folder}/package.json`));
    const used = Object.entries<string>({ ...dependencies, ...devDependencies }).map((each) =>
      each.join("@"),
    );
    const wanted = patched
      .filter((each) => used.includes(each))
      .map((each) => [each, `../patches/${each}.patch`]);
    expect({ folder, ...patchedDependencies }).toEqual({ folder, ...Object.fromEntries(wanted) });
  }
});

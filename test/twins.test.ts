import { expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { contracts, folders, read, root, services, sources, standalone } from "./folders.ts";

/**
 * Services share no code but contracts, so a little is repeated in each. What is repeated is the same to the
 * letter: a fault that is mended in one is mended in all.
 */
const twins = [
  "src/adapters/client-http.ts",
  "src/counters.ts",
  "src/environment.ts",
  "src/failpoint.ts",
  "src/gather.ts",
  "src/health.ts",
  "src/in-time.ts",
  "src/log.ts",
  "src/loop.ts",
  "src/open-address.ts",
  "src/process.ts",
  "src/refused.ts",
  "src/routes/commands.ts",
  "test/any-json.ts",
  "test/open-address.test.ts",
  "test/servers.ts",
  "bunfig.toml",
  "tsconfig.json",
];

/** In these folders of a service, files with the same path are the same, without being listed. */
const twinFolders = ["src/adapters/kafka"];

/**
 * Where not every folder has its copy: the doors of services that are asked by others, and of those that only say how
 * they are (the gateway has its own).
 */
const partTwins: [path: string, folders: string[]][] = [
  ["src/app.ts", ["requests-service", "results-service"]],
  ["src/app.ts", ["processor", "results-listener"]],
  // The gateway's own says why it is not ready only to those with a key.
  ["src/routes/health.ts", ["requests-service", "results-service", "processor", "results-listener"]],
];

for (const [path, owners] of partTwins) {
  test(`${path} is the same in ${owners.join(", ")}`, () => {
    const texts = new Set(owners.map((folder) => read(`${folder}/${path}`)));
    expect(texts.size).toBe(1);
  });
}

for (const path of [...twins, ...twinFolders.flatMap(pathsIn)]) {
  test(`${path} is the same in every service that has it`, () => {
    const copies = [contracts, ...services, standalone].filter((folder) =>
      existsSync(join(root, folder, path)),
    );
    expect(copies.length).toBeGreaterThan(0);
    const texts = new Set(copies.map((folder) => read(`${folder}/${path}`)));
    expect(texts.size).toBe(1);
  });
}

/** The paths, below a service, of the files that services have in this folder. */
function pathsIn(folder: string): string[] {
  const found = services.flatMap((service) => sources(service).map((path) => path.slice(service.length + 1)));
  return [...new Set(found)].filter((path) => path.startsWith(`${folder}/`));
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

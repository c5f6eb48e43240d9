import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { contracts, folders, others, read, root, services, sources, standalone } from "./folders.ts";

const packageOf = (folder: string) => JSON.parse(read(`${folder}/package.json`));
const dependenciesOf = (folder: string): [name: string, version: string][] => {
  const { dependencies, devDependencies } = packageOf(folder);
  return Object.entries({ ...dependencies, ...devDependencies });
};

/** The folders of ours that a file imports: by package name, or by a path that leaves its own folder. */
function importedFolders(path: string): string[] {
  const [own] = path.split("/");
  const imports = [...read(path).matchAll(/(?:from|import)\s*\(?\s*["']([^"']+)["']/g)];
  return imports.flatMap(([, name = ""]) => {
    if (name.startsWith("@sate/")) return name.split("/")[1] as string;
    const [folder] = name.startsWith(".") ? join(dirname(path), name).split("/") : [own];
    return folder === own ? [] : (folder as string);
  });
}

/** Tests of standalone run the conformance suites of the services. */
const allowed: Record<string, string[]> = {
  [contracts]: [],
  ...Object.fromEntries([...services, ...others].map((folder) => [folder, [contracts]])),
  [standalone]: [contracts, ...services],
};

test.each(folders)("%s imports and depends on only the folders that it may", (folder) => {
  const imports = sources(folder).flatMap((path) => importedFolders(path).map((name) => [path, name]));
  const depends = dependenciesOf(folder).flatMap(([name]) =>
    name.startsWith("@sate/") ? [["package.json", name.slice("@sate/".length)]] : [],
  );
  expect([...imports, ...depends].filter(([, name = ""]) => !allowed[folder]?.includes(name))).toEqual([]);
});

test("the check sees an import of another service", () => {
  expect(importedFolders("test/boundaries.test.ts")).toEqual([]);
  expect(importedFolders("standalone/src/index.ts")).toContain("gateway");
});

test.each(folders)(
  "%s pins every version, and applies the patch at the root to each patched package",
  (folder) => {
    const dependencies = dependenciesOf(folder);
    expect(
      dependencies.filter(([, version]) => !/^(\d+\.\d+\.\d+|file:\.\.\/[a-z-]+)$/.test(version)),
    ).toEqual([]);
    const patches = readdirSync(join(root, "patches"));
    const used = dependencies
      .map((each) => each.join("@"))
      .filter((each) => patches.includes(`${each}.patch`));
    const expected = used.map((each) => [each, `../patches/${each}.patch`]);
    expect({ ...packageOf(folder).patchedDependencies }).toEqual(Object.fromEntries(expected));
  },
);

/** A plain `bun install` would rewrite an entry that is out of date, and leave a changed file behind. */
test.each(folders)("the lock file of %s has the current dependencies of our folders", (folder) => {
  type Packages = { packages: Record<string, [string, { dependencies?: object; devDependencies?: object }]> };
  const { packages } = JSON.parse(read(`${folder}/bun.lock`).replaceAll(/,(?=\s*[}\]])/g, "")) as Packages;
  for (const [id, locked] of Object.values(packages)) {
    const [, ours] = /^@sate\/[\w-]+@file:\.\.\/([\w-]+)$/.exec(id) ?? [];
    if (ours === undefined) continue;
    const { dependencies, devDependencies } = packageOf(ours);
    const known = { dependencies: locked.dependencies, devDependencies: locked.devDependencies };
    expect([id, known]).toEqual([id, { dependencies, devDependencies }]);
  }
});

test("no package runs a script when it is installed, such as swagger-ui-dist's telemetry", () => {
  const concerned = folders.filter((folder) => read(`${folder}/bun.lock`).includes("@scarf/scarf"));
  expect(concerned.length).toBeGreaterThan(0);
  for (const folder of concerned) expect(packageOf(folder).trustedDependencies).toEqual([]);
});

import { expect, test } from "bun:test";
import { dirname, join } from "node:path";
import { contracts, folders, others, read, services, sources, standalone } from "./folders.ts";

/** What a file imports of ours: folders by package name or by a path that leaves its own folder. */
function importedFolders(path: string): string[] {
  const [own] = path.split("/");
  const names = [...read(path).matchAll(/(?:from|import)\s*\(?\s*["']([^"']+)["']/g)].map(
    ([, name]) => name as string,
  );
  return names.flatMap((name) => {
    if (name.startsWith("@sate/")) return name.split("/")[1] as string;
    if (!name.startsWith(".")) return [];
    const [folder] = join(dirname(path), name).split("/");
    return folder === own ? [] : (folder as string);
  });
}

/** Tests of standalone run the conformance suites of the services. */
const allowed: Record<string, string[]> = {
  [contracts]: [],
  ...Object.fromEntries(services.map((service) => [service, [contracts]])),
  [standalone]: [contracts, ...services],
  ...Object.fromEntries(others.map((other) => [other, [contracts]])),
};

for (const folder of folders) {
  test(`${folder} imports only ${allowed[folder]?.join(", ") || "itself"}`, () => {
    const wrong = sources(folder).flatMap((path) =>
      importedFolders(path)
        .filter((imported) => !allowed[folder]?.includes(imported))
        .map((imported) => `${path} imports ${imported}`),
    );
    expect(wrong).toEqual([]);
  });

  test(`${folder} depends on nothing of ours but that`, () => {
    const { dependencies = {}, devDependencies = {} } = JSON.parse(read(`${folder}/package.json`));
    const ours = Object.keys({ ...dependencies, ...devDependencies }).filter((name) =>
      name.startsWith("@sate/"),
    );
    expect(ours.filter((name) => !allowed[folder]?.includes(name.slice("@sate/".length)))).toEqual([]);
  });
}

test("the check sees an import of another service", () => {
  expect(importedFolders("test/boundaries.test.ts")).toEqual([]);
  expect(importedFolders("standalone/src/index.ts")).toContain("gateway");
});

test("every version is pinned", () => {
  const loose = folders.flatMap((folder) => {
    const { dependencies = {}, devDependencies = {} } = JSON.parse(read(`${folder}/package.json`));
    return Object.entries<string>({ ...dependencies, ...devDependencies })
      .filter(([, version]) => !/^(\d+\.\d+\.\d+|file:\.\.\/[a-z-]+)$/.test(version))
      .map(([name, version]) => `${folder}: ${name} ${version}`);
  });
  expect(loose).toEqual([]);
});

/** A plain `bun install` would rewrite an entry that is out of date, and leave a changed file behind. */
test("lock files know the dependencies that our folders have now", () => {
  type Packages = { packages: Record<string, [string, { dependencies?: object; devDependencies?: object }]> };
  for (const folder of folders) {
    const { packages } = JSON.parse(read(`${folder}/bun.lock`).replaceAll(/,(?=\s*[}\]])/g, "")) as Packages;
    for (const [id, locked] of Object.values(packages)) {
      const [, ours] = /^@sate\/[\w-]+@file:\.\.\/([\w-]+)$/.exec(id) ?? [];
      if (ours === undefined) continue;
      const { dependencies, devDependencies } = JSON.parse(read(`${ours}/package.json`));
      const known = { dependencies: locked.dependencies, devDependencies: locked.devDependencies };
      expect({ folder, id, ...known }).toEqual({ folder, id, dependencies, devDependencies });
    }
  }
});

test("no package runs a script of its own when it is installed, such as swagger-ui-dist's telemetry", () => {
  const concerned = folders.filter((folder) => read(`${folder}/bun.lock`).includes("@scarf/scarf"));
  expect(concerned.length).toBeGreaterThan(0);
  for (const folder of concerned) {
    const { trustedDependencies } = JSON.parse(read(`${folder}/package.json`));
    expect({ folder, trustedDependencies }).toEqual({ folder, trustedDependencies: [] });
  }
});

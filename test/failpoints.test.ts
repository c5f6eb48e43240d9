import { expect, test } from "bun:test";
import { failpoints } from "../e2e/src/failpoints.ts";
import { standaloneGaps } from "../torture/src/failpoints.ts";
import { folders, read, services, sources, standalone } from "./folders.ts";

test("every failpoint of the sources has its test, and every test its failpoint", () => {
  const files = [...services, standalone]
    .flatMap((folder) => sources(folder))
    .filter((path) => path.includes("/src/"));
  const names = files.flatMap((path) =>
    [...read(path).matchAll(/\bfailpoint\("([^"]+)"\)/g)].map(([, name]) => name as string),
  );
  expect([...new Set(names)].toSorted()).toEqual(Object.keys(failpoints).toSorted());
  expect(standaloneGaps.toSorted()).toEqual(Object.keys(failpoints).toSorted());
});

test("nothing that runs in production arms a failpoint", () => {
  const images = folders.flatMap((folder) => (services.includes(folder) ? [`${folder}/Dockerfile`] : []));
  for (const path of [...images, "compose.yaml"])
    expect(read(path)).not.toMatch(/SATE_(TEST_BUILD|FAILPOINT)/);
  for (const path of images) expect(read(path)).toContain("NODE_ENV=production");
});

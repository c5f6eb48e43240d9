import { expect, test } from "bun:test";
import { failpoints } from "../e2e/src/system/failpoints.ts";
import { contracts, read, services, sources, standalone } from "./folders.ts";

const production = [contracts, ...services, standalone]
  .flatMap((folder) => sources(folder))
  .filter((path) => path.includes("/src/"));

test("every failpoint in the sources has a test, and every test a failpoint", () => {
  const names = production.flatMap((path) =>
    [...read(path).matchAll(/\bfailpoint\("([^"]+)"\)/g)].map(([, name]) => name as string),
  );
  expect([...new Set(names)].toSorted()).toEqual(Object.keys(failpoints).toSorted());
});

test("production code contains nothing that arms a failpoint, skews a clock or logs runs", () => {
  const isForTests = /SATE_FAILPOINT|SATE_TEST|CLOCK_FILE|RUN_LOG|TEST_HANDLERS|bun:ffi/;
  const images = services.map((service) => `${service}/Dockerfile`);
  // The one place that calls the operating system itself, to keep secrets from other processes.
  const conceals = "processor/src/children/conceal.ts";
  const wrong = [...production, ...images, "compose.yaml"].filter(
    (path) => path !== conceals && isForTests.test(read(path)),
  );
  expect(wrong).toEqual([]);
});

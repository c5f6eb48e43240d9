import { expect, test } from "bun:test";
import { ways } from "../src/layout.ts";

test("every way that leaves a process has its place, none twice", () => {
  const all = ways().map(({ from, to }) => `${from}→${to}`);
  expect(new Set(all).size).toBe(all.length);
  expect(all).toContain("gateway-1→requests-service-2");
  expect(all).toContain("gateway-1→results-service-1");
  expect(all).toContain("processor-3→kafka");
  expect(all).toContain("results-service-1→results-db");
  expect(all).toHaveLength(4 + 2 * 2 + 3 * 3 + 2 * 2 + 1);
});

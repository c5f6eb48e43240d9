import { expect, test } from "bun:test";
import { freePorts, ways } from "../src/layout.ts";

test("every way that leaves a process has its place, none twice", () => {
  const all = ways().map(({ from, to }) => `${from}→${to}`);
  expect(new Set(all).size).toBe(all.length);
  expect(all).toContain("gateway-1→requests-service-2");
  expect(all).toContain("gateway-1→results-service-1");
  expect(all).toContain("processor-3→kafka");
  expect(all).toContain("results-service-1→results-db");
  expect(all).toHaveLength(3 + 2 * 3 + 4 * 3 + 2 * 2 + 1);
});

test("ports are all different, and none that an outgoing connection could take", async () => {
  const ports = await freePorts(40);
  expect(new Set(ports).size).toBe(40);
  expect(Math.max(...ports)).toBeLessThan(32_768);
});

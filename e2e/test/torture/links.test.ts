import { expect, test } from "bun:test";
import { freePorts } from "../../src/system/ports.ts";
import { ways } from "../../src/torture/links.ts";

test("every link between processes is listed once", () => {
  const all = ways().map(({ from, to }) => `${from}→${to}`);
  expect(new Set(all).size).toBe(all.length);
  expect(all).toContain("gateway-1→requests-service-2");
  expect(all).toContain("gateway-1→results-service-1");
  expect(all).toContain("processor-3→kafka");
  expect(all).toContain("results-service-1→results-db");
  expect(all).toHaveLength(3 + 2 * 3 + 4 * 3 + 2 * 2 + 1);
});

test("ports are distinct and outside the range of outgoing connections", async () => {
  const ports = await freePorts(40);
  expect(new Set(ports).size).toBe(40);
  expect(Math.max(...ports)).toBeLessThan(32_768);
});

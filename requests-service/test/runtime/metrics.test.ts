import { expect, test } from "bun:test";
import { createCounters, metricsText } from "../../src/runtime/metrics.ts";

test("counts add up, and read as Prometheus reads them", () => {
  const counters = createCounters();
  counters.add("a");
  counters.add("a", 2);
  counters.add("__proto__", 5);
  const counts = counters.read();
  expect(counts.a).toBe(3);
  expect(({} as { a?: number }).a).toBeUndefined();
  expect(metricsText({ a: 3 })).toBe("# TYPE sate_a_total counter\nsate_a_total 3\n");
});

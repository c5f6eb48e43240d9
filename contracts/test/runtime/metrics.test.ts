import { expect, test } from "bun:test";
import { createCounters, metricsResponse } from "../../src/runtime/metrics.ts";

test("counters add up and are exposed in Prometheus format", async () => {
  const counters = createCounters();
  counters.add("a");
  counters.add("a", 2);
  counters.add("__proto__", 5);
  const counts = counters.read();
  expect(counts.a).toBe(3);
  expect(({} as { a?: number }).a).toBeUndefined();
  const text = await metricsResponse(counters).text();
  expect(text).toStartWith("# TYPE sate_a_total counter\nsate_a_total 3\n");
});

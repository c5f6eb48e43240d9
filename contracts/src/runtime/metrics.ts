/** Counts of operations since the start, for `/metrics`, and for tests that limit the operations per execution. */
export type Counters = {
  add(name: string, by?: number): void;
  read(): Record<string, number>;
};

export function createCounters(): Counters {
  const counts = new Map<string, number>();
  return {
    add: (name, by = 1) => void counts.set(name, (counts.get(name) ?? 0) + by),
    read: () => Object.fromEntries(counts),
  };
}

/** Prometheus text exposition format: https://prometheus.io/docs/instrumenting/exposition_formats/ */
export function metricsResponse(counters: Counters): Response {
  const lines = Object.entries(counters.read()).map(
    ([name, value]) => `# TYPE sate_${name}_total counter\nsate_${name}_total ${value}\n`,
  );
  return new Response(lines.join(""), { headers: { "content-type": "text/plain; version=0.0.4" } });
}

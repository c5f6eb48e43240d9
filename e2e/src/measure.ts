import { createClient } from "./client.ts";
import type { System } from "./system.ts";

export type Measurement = {
  executions: number;
  seconds: number;
  /** End to end: from the first submission until the last result can be read. */
  executionsPerSecond: number;
  /** Operations of all processes together, by execution; the creation of its request is part of it. */
  perExecution: Record<string, number>;
};

const counted = ["sqlite_commits", "mongo_commands", "produce_requests", "offset_commits", "http_calls"];

/**
 * Executes `executions` requests, always `inFlight` of them at once: submitted, and without a result yet.
 * The results are counted by the listeners' own counters, so that the measuring reads no database.
 */
export async function measure(
  system: System,
  options: { executions: number; inFlight: number; token: string },
): Promise<Measurement> {
  const { executions, inFlight, token } = options;
  const client = createClient(system.url);
  const counters = () => readCounters(system, token);
  const before = await counters();
  const recorded = async () => sumOf((await counters()).results_recorded) - sumOf(before.results_recorded);
  const start = performance.now();
  let submitted = 0;
  let answered = 0;
  let ended = 0;
  let lastEndAt = start;
  let failure: unknown;
  const submit = async () => {
    const requestId = await client.createRequest({ message: "ping" });
    const { status } = await client.execute(requestId);
    if (status !== 201) throw new Error(`an execution was refused with ${status}`);
    answered++;
  };
  while (ended < executions) {
    for (; submitted < executions && submitted - ended < inFlight; submitted++) {
      submit().catch((error) => {
        failure ??= error;
      });
    }
    if (failure) throw failure;
    const now = await recorded();
    if (now > ended) lastEndAt = performance.now();
    else if (performance.now() - lastEndAt > 60_000) throw new Error("nothing ends any more");
    ended = now;
  }
  if (answered !== executions) throw new Error("more has ended than was acknowledged");
  const seconds = (performance.now() - start) / 1_000;
  const after = await counters();
  const perExecution = counted.map((name) => [name, (sumOf(after[name]) - sumOf(before[name])) / executions]);
  return {
    executions,
    seconds,
    executionsPerSecond: executions / seconds,
    perExecution: Object.fromEntries(perExecution),
  };
}

const sumOf = (value: number | undefined) => value ?? 0;

/** The counters of all processes, or of those whose name begins so, added up; `token` is that of the services. */
export async function readCounters(
  system: System,
  token: string,
  prefix = "",
): Promise<Record<string, number>> {
  const asked = system.processes(prefix).filter(({ name }) => name !== "kafka" && !name.startsWith("mongo"));
  const texts = await Promise.all(
    asked.map(async ({ port }) => {
      const headers = { authorization: `Bearer ${token}` };
      const response = await fetch(`http://127.0.0.1:${port}/metrics`, { headers });
      if (!response.ok) throw new Error(`/metrics gave ${response.status}`);
      return response.text();
    }),
  );
  const sums: Record<string, number> = {};
  for (const [, name = "", value] of texts.join("").matchAll(/^sate_(\w+)_total (\d+)$/gm)) {
    sums[name] = sumOf(sums[name]) + Number(value);
  }
  return sums;
}

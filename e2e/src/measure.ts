import { createClient } from "./clients/client.ts";
import type { Announced } from "./system/processes.ts";
import { type System, services } from "./system/system.ts";

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
export async function readCounters(system: System, token: string, prefix = ""): Promise<Counters> {
  return sumOfAll(await Promise.all(services(system, prefix).map((one) => countersOf(one, token))));
}

export type Counters = Record<string, number>;

/** The counters of one process. */
export async function countersOf({ port }: Announced, token: string): Promise<Counters> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`, {
    headers: { authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(2_000),
  });
  if (!response.ok) throw new Error(`/metrics gave ${response.status}`);
  const lines = (await response.text()).matchAll(/^sate_(\w+)_total (\d+)$/gm);
  return Object.fromEntries([...lines].map(([, name, value]) => [name, Number(value)]));
}

export function sumOfAll(all: Iterable<Counters>): Counters {
  const sums: Counters = {};
  for (const counters of all) {
    for (const [name, count] of Object.entries(counters)) sums[name] = (sums[name] ?? 0) + count;
  }
  return sums;
}

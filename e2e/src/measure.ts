import { createClient } from "./clients/client.ts";
import type { Announced } from "./system/processes.ts";
import { type System, type SystemOptions, services, startSystem } from "./system/system.ts";

export type Counters = Record<string, number>;

const inFlight = 64;
const stillMs = 60_000;
const counted = ["sqlite_commits", "mongo_commands", "produce_requests", "offset_commits", "http_calls"];

/** A system as users run it, with a processor that does nothing. */
export const startPlain = (kind: System["kind"], options: Partial<SystemOptions> = {}) =>
  startSystem(kind, {
    ...options,
    settings: {
      PROCESSING_SECONDS: "0",
      CONCURRENCY: String(inFlight),
      LOG_LEVEL: "error",
      SERVICE_TOKEN: "plain-token-of-the-services",
      ...options.settings,
    },
    isPlain: true,
  });

/**
 * Executes `executions` requests of a processor, with 64 in flight: submitted, and without a result. The listeners'
 * counters count the results, so that measuring reads no database. `perExecution` are operations of all processes together,
 * including those that create the request.
 */
export async function measure(system: System, executions: number, processor?: string) {
  const client = createClient(system.url);
  const before = await readCounters(system);
  const since = (counters: Counters, name: string) => (counters[name] ?? 0) - (before[name] ?? 0);
  const start = performance.now();
  let submitted = 0;
  let acknowledged = 0;
  let ended = 0;
  let lastEndAt = start;
  let failure: unknown;
  const submit = async () => {
    const requestId = await client.createRequest({ message: "ping" }, processor);
    const { status } = await client.execute(requestId);
    if (status !== 201) throw new Error(`an execution was refused with ${status}`);
    acknowledged++;
  };
  while (ended < executions) {
    for (; submitted < executions && submitted - ended < inFlight; submitted++) {
      submit().catch((error) => {
        failure ??= error;
      });
    }
    if (failure) throw failure;
    const now = since(await readCounters(system), "results_recorded");
    if (now > ended) lastEndAt = performance.now();
    else if (performance.now() - lastEndAt > stillMs) throw new Error("no execution ends any more");
    ended = now;
  }
  if (acknowledged !== executions) throw new Error("more executions ended than were acknowledged");
  const executionsPerSecond = (executions * 1_000) / (performance.now() - start);
  const after = await readCounters(system);
  const perExecution = counted.map((name) => [name, since(after, name) / executions]);
  return { executionsPerSecond, perExecution: Object.fromEntries(perExecution) as Counters };
}

/** The sums of the counters of all processes whose name begins with `prefix`. */
export async function readCounters(system: System, prefix = ""): Promise<Counters> {
  return sumOfAll(
    await Promise.all(services(system, prefix).map((one) => countersOf(one, system.serviceToken))),
  );
}

/** The counters of one process. */
export async function countersOf({ port }: Announced, serviceToken: string): Promise<Counters> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`, {
    headers: { authorization: `Bearer ${serviceToken}` },
    signal: AbortSignal.timeout(2_000),
  });
  if (!response.ok) throw new Error(`/metrics returned ${response.status}`);
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

import { join } from "node:path";
import { createClient } from "../clients/client.ts";
import { readEvents } from "../clients/event-source.ts";
import { countersOf, startPlain } from "../measure.ts";
import { type Announced, cpuMsOf, residentBytes } from "../system/processes.ts";
import { type System, services } from "../system/system.ts";
import { until } from "../until.ts";
import { median } from "./median.ts";

const clients = 1_000;
const warmUpMs = 12_000;
const measuredMs = 20_000;
const turns = 40;

/**
 * Measures the cost of clients that wait for executions or stream them, each its own execution that starts much later; and
 * how soon a waiting client gets its response.
 */
export async function watching(kind: System["kind"]): Promise<void> {
  const system = await startPlain(kind, { processors: join(import.meta.dir, "processors") });
  try {
    const at = await latency(system);
    console.log(`${kind}: result recorded to response: ${at}`);
    const paths = await waitingExecutions(system);
    const idle = await costDuring(system, async () => {});
    console.log(`${kind}: ${clients} executions that nobody watches: ${show(idle)}`);
    const ending = new AbortController();
    const streams = paths.map((path) => fetch(`${system.url}${path}/events`, { signal: ending.signal }));
    const reading = (await Promise.all(streams)).map((response) => response.text());
    console.log(`${kind}: ${clients} streams: ${show(await costDuring(system, settle))}`);
    ending.abort();
    await Promise.allSettled(reading);
    const waiting = paths.map((path) =>
      fetch(`${system.url}${path}`, { headers: { prefer: "wait=60" } }).then((response) => response.text()),
    );
    console.log(`${kind}: ${clients} waiting clients: ${show(await costDuring(system, settle))}`);
    await Promise.all(waiting);
  } finally {
    await system.stop();
  }
}

/** After ten seconds everything is polled at the slowest pace. */
const settle = () => Bun.sleep(warmUpMs);

async function waitingExecutions(system: System): Promise<string[]> {
  const client = createClient(system.url);
  const start_after = new Date(Date.now() + 3_600_000).toISOString();
  const paths: string[] = [];
  for (let count = 0; count < clients; count++) {
    const requestId = await client.createRequest(null);
    const { json } = await client.execute(requestId, { start_after });
    paths.push(`/requests/${requestId}/executions/${json.id}`);
  }
  return paths;
}

type Cost = { cpuPercent: number; mebibytes: number; callsPerSecond: number };

async function costDuring(system: System, before: () => Promise<void>): Promise<Cost> {
  await before();
  const all = services(system);
  const cpuMs = () => all.reduce((sum, { pid }) => sum + cpuMsOf(pid), 0);
  const calls = async () => {
    const counts = await Promise.all(all.map((one: Announced) => countersOf(one, system.serviceToken)));
    return counts.reduce(
      (sum, { http_calls = 0, mongo_commands = 0 }) => sum + http_calls + mongo_commands,
      0,
    );
  };
  const [cpuBefore, callsBefore] = [cpuMs(), await calls()];
  await Bun.sleep(measuredMs);
  return {
    cpuPercent: ((cpuMs() - cpuBefore) * 100) / measuredMs,
    callsPerSecond: (((await calls()) - callsBefore) * 1_000) / measuredMs,
    mebibytes: all.reduce((sum, { pid }) => sum + (residentBytes(pid) ?? 0), 0) / 2 ** 20,
  };
}

const show = ({ cpuPercent, mebibytes, callsPerSecond }: Cost) =>
  `${cpuPercent.toFixed(1)} % of a CPU, ${mebibytes.toFixed(0)} MiB, ${callsPerSecond.toFixed(0)} calls and commands per second in all services`;

/**
 * From the moment at which a client that reads the results all the time first sees one until the response to a client
 * that waits for it. Negative if the latter was first.
 */
async function latency(system: System): Promise<string> {
  const client = createClient(system.url);
  const [waits, streams]: [number[], number[]] = [[], []];
  for (let turn = 0; turn < turns; turn++) {
    const requestId = await client.createRequest(null, "first");
    const { json } = await client.execute(requestId);
    const path = `${system.url}/requests/${requestId}/executions/${json.id}`;
    const headers = { prefer: "wait=60" };
    const waited = fetch(path, { headers })
      .then((response) => response.text())
      .then(() => performance.now());
    const streamed = readEvents(`${path}/events`, {
      onEvent({ event }) {
        if (event === "result") streams[turn] = performance.now();
      },
    });
    const seen = await until(
      "its result",
      60_000,
      async () =>
        (await client.get(`/requests/${requestId}/results`)).json.results.length > 0 && performance.now(),
      1,
    );
    waits[turn] = (await waited) - seen;
    await streamed;
    streams[turn] = (streams[turn] as number) - seen;
  }
  const of = (all: number[]) =>
    `median ${median(all).toFixed(1)} ms, at most ${Math.max(...all).toFixed(1)} ms`;
  return `of a wait ${of(waits)}; of a stream ${of(streams)}`;
}

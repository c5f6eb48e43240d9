import { join } from "node:path";
import { createClient } from "../clients/client.ts";
import { measure, startPlain } from "../measure.ts";
import { childrenOf } from "../system/children.ts";
import { cpuMsOf, proportionalBytes, residentBytes } from "../system/processes.ts";
import { type System, services } from "../system/system.ts";
import { until } from "../until.ts";
import { median } from "./median.ts";

const concurrency = 8;
const warmUp = 500;
const executions = 5_000;
const cancellations = 11;
/** A tenth of the default lease. */
const heartbeatMs = 3_000;

/**
 * The cost of isolation: the same module in child processes and in the service's process, in one run of standalone, with
 * 64 in flight and 8 running at once.
 */
export async function isolation(): Promise<void> {
  const processors = join(import.meta.dir, "processors");
  const system = await startPlain("standalone", {
    processors,
    settings: { CONCURRENCY: String(concurrency) },
  });
  try {
    const alone = await costOf(system, "in-process");
    const without = memoryOf(system);
    const isolated = await costOf(system, "in-child");
    const show = ({ perSecond, cpuUs }: Cost) =>
      `${perSecond.toFixed(0)} executions per second, ${cpuUs.toFixed(0)} µs of CPU each`;
    console.log(`isolation: none       ${show(alone)}`);
    console.log(`isolation: process    ${show(isolated)}`);
    const [speed, cpu] = [isolated.perSecond / alone.perSecond, isolated.cpuUs / alone.cpuUs];
    console.log(`isolation: ratio      ${speed.toFixed(2)} × as many, ${cpu.toFixed(2)} × the CPU`);
    console.log(`isolation: no pool    ${without}`);
    console.log(`isolation: warm pool  ${memoryOf(system)}`);
    for (const name of ["stops", "hangs"])
      console.log(`cancel: ${name.padEnd(13)} ${await cancelled(system, name)}`);
  } finally {
    await system.stop();
  }
}

type Cost = { perSecond: number; cpuUs: number };

/** The service and its children. */
const pidsOf = (system: System) => [
  ...services(system).map(({ pid }) => pid),
  ...childrenOf(system.dataDir).map(({ pid }) => pid),
];

async function costOf(system: System, processor: string): Promise<Cost> {
  const cpuMs = () => pidsOf(system).reduce((sum, pid) => sum + cpuMsOf(pid), 0);
  await measure(system, warmUp, processor);
  const before = cpuMs();
  const { executionsPerSecond } = await measure(system, executions, processor);
  return { perSecond: executionsPerSecond, cpuUs: ((cpuMs() - before) * 1_000) / executions };
}

/** Memory when idle. Shared memory is divided among the processes that share it. */
function memoryOf(system: System): string {
  const mebibytes = (pids: number[], bytesOf: (pid: number) => number | undefined) =>
    (pids.reduce((sum, pid) => sum + (bytesOf(pid) ?? 0), 0) / 2 ** 20).toFixed(0);
  const own = services(system).map(({ pid }) => pid);
  const children = childrenOf(system.dataDir).map(({ pid }) => pid);
  const of = (pids: number[]) =>
    `${mebibytes(pids, residentBytes)} MiB (${mebibytes(pids, proportionalBytes)} of its own)`;
  return `the service ${of(own)}, ${children.length} children ${of(children)}`;
}

/** From a client's cancellation of a run until none of its processes is left. A heartbeat delivers the cancellation. */
async function cancelled(system: System, processor: string): Promise<string> {
  const client = createClient(system.url);
  const times: number[] = [];
  for (let turn = 0; turn < cancellations; turn++) {
    const before = new Set(childrenOf(system.dataDir).map(({ pid }) => pid));
    const left = () => childrenOf(system.dataDir).filter(({ pid }) => !before.has(pid)).length;
    const requestId = await client.createRequest(null, processor);
    const { json } = await client.execute(requestId);
    await until("it runs with all its processes", 20_000, () => left() >= 2, 5);
    // Anywhere between two heartbeats.
    await Bun.sleep(Math.random() * heartbeatMs);
    const start = performance.now();
    await client.post(`/requests/${requestId}/executions/${json.id}/cancel`);
    await until("none of them is left", 60_000, () => left() === 0, 5);
    times.push(performance.now() - start);
  }
  return `${median(times).toFixed(0)} ms until the process group is gone (median of ${cancellations}), at most ${Math.max(...times).toFixed(0)} ms`;
}

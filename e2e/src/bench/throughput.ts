import { measure, startPlain } from "../measure.ts";
import { residentBytes } from "../system/processes.ts";
import { type System, services } from "../system/system.ts";

/** Executions per second and operations per execution, and the idle memory of all services together, without servers. */
export async function throughput(kind: System["kind"]): Promise<void> {
  const system = await startPlain(kind);
  try {
    // Only Linux reports it.
    const bytes = services(system).reduce((sum, { pid }) => sum + (residentBytes(pid) ?? 0), 0);
    if (bytes > 0) console.log(`${kind}: ${(bytes / 2 ** 20).toFixed(0)} MiB resident when idle`);
    await measure(system, 500);
    const { executionsPerSecond, perExecution } = await measure(system, 5_000);
    console.log(`${kind}: ${executionsPerSecond.toFixed(0)} executions per second, 64 in flight`);
    for (const [name, value] of Object.entries(perExecution)) {
      if (value > 0) console.log(`  ${name.replaceAll("_", " ")} per execution: ${value.toFixed(3)}`);
    }
  } finally {
    await system.stop();
  }
}

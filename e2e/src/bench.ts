import { readFileSync } from "node:fs";
import { measure } from "./measure.ts";
import { type System, services, startSystem } from "./system/system.ts";

/**
 * `bun run bench`: executions per second and operations per execution with 64 in flight and a handler that
 * does nothing; each way to run Sate in the same run, so that only their ratio says something.
 */
const token = "bench-token-of-the-services";
const settings = { PROCESSING_SECONDS: "0", CONCURRENCY: "64", LOG_LEVEL: "error", SERVICE_TOKEN: token };
const kinds = (Bun.argv[2]?.split(",") ?? ["standalone", "cluster"]) as System["kind"][];

for (const kind of kinds) {
  const system = await startSystem(kind, { settings, isPlain: true });
  try {
    if (process.platform === "linux") console.log(`${kind}: ${idleMiB(system)} MiB resident when idle`);
    await measure(system, { executions: 500, inFlight: 64, token });
    const { executionsPerSecond, perExecution } = await measure(system, {
      executions: 5_000,
      inFlight: 64,
      token,
    });
    console.log(`${kind}: ${executionsPerSecond.toFixed(0)} executions per second, 64 in flight`);
    for (const [name, value] of Object.entries(perExecution)) {
      if (value > 0) console.log(`  ${name.replaceAll("_", " ")} per execution: ${value.toFixed(3)}`);
    }
  } finally {
    await system.stop();
  }
}

/** Of all services together, without servers. */
function idleMiB(system: System): string {
  const kiB = services(system).map(({ pid }) => {
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
  });
  return (kiB.reduce((sum, each) => sum + each, 0) / 1_024).toFixed(0);
}

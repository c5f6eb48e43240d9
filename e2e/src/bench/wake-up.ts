import { join } from "node:path";
import { createClient } from "../clients/client.ts";
import { startPlain } from "../measure.ts";
import { machineNs } from "../runs/monotonic.ts";
import { median } from "./median.ts";

const turns = 40;
const restMs = 250;

/**
 * From the acknowledgement of an execution until its handler starts, in an idle cluster with two sets of processors,
 * each in its own group. The clients of both take turns.
 */
export async function wakeUp(): Promise<void> {
  const system = await startPlain("cluster", {
    processors: join(import.meta.dir, "processors"),
    scale: { "processor-examples": 1 },
    settings: { COMPOSE_PROFILES: "examples" },
    environmentOf: (name): Record<string, string> =>
      name === "processor-examples-1" ? { PROCESSORS_DIR: join(import.meta.dir, "second") } : {},
  });
  try {
    const client = createClient(system.url);
    const times: Record<string, number[]> = { first: [], second: [] };
    for (let turn = 0; turn < turns * 2; turn++) {
      const name = turn % 2 === 0 ? "first" : "second";
      const requestId = await client.createRequest(null, name);
      await Bun.sleep(restMs);
      await client.execute(requestId);
      const acknowledgedNs = machineNs();
      const [result] = await client.results(requestId);
      const { startedNs } = (result as { outputs: { startedNs: string } }).outputs;
      // The first execution of each also starts its child process.
      if (turn > 1) times[name]?.push(Number(BigInt(startedNs) - acknowledgedNs) / 1e6);
    }
    for (const [name, all] of Object.entries(times))
      console.log(
        `wake-up to start, ${name} set: median ${median(all).toFixed(0)} ms, at most ${Math.max(...all).toFixed(0)} ms of ${all.length}`,
      );
  } finally {
    await system.stop();
  }
}

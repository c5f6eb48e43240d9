import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { measure, readCounters, startPlain } from "../measure.ts";
import { until } from "../until.ts";

const stored = 5_000;
const load = 3_000;
/** Everything that the first process has stored is older than this when the second one sweeps. */
const days = String(5 / 86_400);

/**
 * The rate at which retention removes whole requests of standalone, each with an execution, a result and its stubs to
 * write: alone, and beside a load, whose throughput is compared with that of the same load without retention.
 */
export async function retention(): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), "sate-retention-"));
  const run = async <T>(
    settings: Record<string, string>,
    work: (system: Awaited<ReturnType<typeof startPlain>>) => Promise<T>,
  ) => {
    const system = await startPlain("standalone", {
      dataDir,
      settings: { CONFIRM_SECONDS: "1", ...settings },
    });
    try {
      return await work(system);
    } finally {
      await system.stop();
    }
  };
  try {
    const before = await run({}, async (system) => {
      await measure(system, stored);
      const { executionsPerSecond } = await measure(system, load);
      const areConfirmed = async () => ((await readCounters(system)).results_confirmed ?? 0) >= stored + load;
      await until("all results are confirmed", 120_000, areConfirmed);
      return executionsPerSecond;
    });
    await run({ REQUEST_DAYS: days }, async (system) => {
      const removed = async () => (await readCounters(system)).requests_removed ?? 0;
      await until("retention has begun", 60_000, async () => (await removed()) > 0);
      const [start, first] = [performance.now(), await removed()];
      const { executionsPerSecond } = await measure(system, load);
      const rate = (((await removed()) - first) * 1_000) / (performance.now() - start);
      const percent = (100 * executionsPerSecond) / before;
      console.log(`retention: ${rate.toFixed(0)} requests removed per second beside a load`);
      console.log(
        `  ${executionsPerSecond.toFixed(0)} executions per second, ${percent.toFixed(0)} % of those without`,
      );
      const [again, second] = [performance.now(), await removed()];
      const isOver = async () => (await removed()) >= stored + load;
      await until("the rest is removed", 300_000, isOver);
      const alone = (((await removed()) - second) * 1_000) / (performance.now() - again);
      console.log(`  ${alone.toFixed(0)} removed per second without a load`);
    });
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}

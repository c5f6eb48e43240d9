import { every } from "./every.ts";
import { type System, services, serviceToken } from "./system.ts";

const everyMs = 1_000;

/** Counters of all processes, kept across their ends: of each process the last that it told. */
export function watchMetrics(system: System) {
  const byProcess = new Map<string, Record<string, number>>();
  async function look(): Promise<void> {
    await Promise.all(
      services(system).map(async ({ name, pid, port }) => {
        const answer = await fetch(`http://127.0.0.1:${port}/metrics`, {
          headers: { authorization: `Bearer ${serviceToken}` },
          signal: AbortSignal.timeout(2_000),
        }).catch(() => null);
        if (!answer?.ok) return;
        const text = await answer.text().catch(() => "");
        const lines = [...text.matchAll(/^sate_([a-z0-9_]+)_total (\d+)$/gm)];
        byProcess.set(
          `${name} ${pid}`,
          Object.fromEntries(lines.map(([, key, value]) => [key, Number(value)])),
        );
      }),
    );
  }
  const looking = every(everyMs, look);
  return {
    async stop(): Promise<Record<string, number>> {
      await looking.stop();
      await look();
      const sum: Record<string, number> = {};
      for (const counts of byProcess.values()) {
        for (const [name, count] of Object.entries(counts)) sum[name] = (sum[name] ?? 0) + count;
      }
      return sum;
    },
  };
}

import { type Counters, countersOf, sumOfAll } from "../../measure.ts";
import { type System, services } from "../../system/system.ts";
import { every } from "../every.ts";
import { serviceToken } from "../system.ts";

const everyMs = 1_000;

/** Counters of all processes, kept across their ends: of each process the last that it told. */
export function watchMetrics(system: System) {
  const byProcess = new Map<string, Counters>();
  async function look(): Promise<void> {
    await Promise.all(
      services(system).map(async (one) => {
        const counters = await countersOf(one, serviceToken).catch(() => null);
        if (counters) byProcess.set(`${one.name} ${one.pid}`, counters);
      }),
    );
  }
  const looking = every(everyMs, look);
  return {
    async stop(): Promise<Counters> {
      await looking.stop();
      await look();
      return sumOfAll(byProcess.values());
    },
  };
}

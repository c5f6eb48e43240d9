import { type Store, Unavailable } from "../../src/ports.ts";
import type { SeededRandom } from "./random.ts";

const turn = () => new Promise((resolve) => setImmediate(resolve));

/**
 * The same store behind a bad connection: a call may be lost on the way there, and then nothing happened, or
 * on the way back, and then it happened all the same. Every call takes its time, so that others come between.
 */
export function chaosStore(store: Store, random: SeededRandom, odds: { lost: number }): Store {
  const disturb = <Port extends object>(port: Port): Port =>
    Object.fromEntries(
      Object.entries(port).map(([name, call]) => [
        name,
        async (...args: unknown[]) => {
          if (random.chance(odds.lost)) throw new Unavailable("lost on the way there");
          for (let turns = random.below(3); turns > 0; turns--) await turn();
          const answer = await call(...args);
          for (let turns = random.below(2); turns > 0; turns--) await turn();
          if (random.chance(odds.lost)) throw new Unavailable("lost on the way back");
          return answer;
        },
      ]),
    ) as Port;
  return {
    ...store,
    requests: disturb(store.requests),
    executions: disturb(store.executions),
    runs: disturb(store.runs),
    workers: disturb(store.workers),
    outbox: disturb(store.outbox),
    confirmations: disturb(store.confirmations),
  };
}

import { type Store, Unavailable } from "../../src/ports.ts";
import type { SeededRandom } from "./random.ts";

/**
 * The same store behind a bad connection: a call may be lost on the way there, and then nothing happened, or
 * on the way back, and then it happened all the same.
 */
export function chaosStore(store: Store, random: SeededRandom, odds: { lost: number }): Store {
  const disturb = <Port extends object>(port: Port): Port =>
    Object.fromEntries(
      Object.entries(port).map(([name, call]) => [
        name,
        async (...args: unknown[]) => {
          if (random.chance(odds.lost)) throw new Unavailable("lost on the way there");
          const answer = await call(...args);
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
  };
}

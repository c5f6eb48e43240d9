import { isUnavailable, Unavailable } from "@sate/contracts";
import type { Random } from "./random.ts";
import type { Owner, Simulation } from "./simulation.ts";

/** How often, from 0 to 1, something goes wrong at the moment. */
export type Odds = {
  /** A call never arrives. */
  failed: number;
  /** It arrives and is carried out, and its answer does not come. */
  lost: number;
  /** It arrives twice. */
  doubled: number;
  /** It, or its answer, takes long: perhaps longer than its caller waits. */
  slow: number;
  /** A wake-up or an outcome that the broker acknowledges and loses. */
  dropped: number;
};

export const calm: Odds = { failed: 0, lost: 0, doubled: 0, slow: 0, dropped: 0 };

/** What all links and the broker share: the weather changes with every step. */
export type Weather = { random: Random; odds: Odds; cutUntil: Map<string, number> };

// biome-ignore lint/suspicious/noExplicitAny: whatever the functions take and give is passed through
type Functions = Record<string, (...args: any[]) => Promise<any>>;

export type Link = {
  simulation: Simulation;
  weather: Weather;
  from: Owner;
  /** Who carries the call out; `null`: a server of the outside, which is always there. */
  to: () => Owner | null;
  /** After it the caller has no answer. */
  deadlineMs: number;
  /** Told of what a service must never reject with. */
  onUnexpected: (error: unknown) => void;
};

/** The same functions, over a network that may lose, double, delay and cut whatever goes over it. */
export function linked<F extends object>(functions: F, link: Link): F {
  const { simulation, weather, from, to, deadlineMs, onUnexpected } = link;

  const delay = () => {
    const { random, odds } = weather;
    return random.chance(odds.slow) ? random.between(20, deadlineMs * 1.5) : random.between(0.2, 4);
  };
  const isCut = (owner: Owner | null) =>
    owner !== null && (weather.cutUntil.get(owner.name) ?? 0) > simulation.now();

  function call(work: (...args: unknown[]) => Promise<unknown>, args: unknown[]): Promise<unknown> {
    const { random, odds } = weather;
    return new Promise((resolve, reject) => {
      const deadline = simulation.later(from, deadlineMs, () => reject(new Unavailable("no answer in time")));
      const target = to();
      if (isCut(from) || isCut(target)) return;
      if (target?.isDead || random.chance(odds.failed)) {
        simulation.later(from, delay(), () => {
          deadline.isCancelled = true;
          reject(new Unavailable("refused"));
        });
        return;
      }
      const reply = (tell: () => void) => {
        if (isCut(from) || isCut(target) || weather.random.chance(weather.odds.lost)) return;
        simulation.later(from, delay(), () => {
          deadline.isCancelled = true;
          tell();
        });
      };
      const arrive = () => {
        work(...args).then(
          (value) => reply(() => resolve(value)),
          (error) => {
            if (!isUnavailable(error)) onUnexpected(error);
            reply(() => reject(new Unavailable("answered that it cannot")));
          },
        );
      };
      simulation.later(target, delay(), arrive);
      if (random.chance(odds.doubled)) simulation.later(target, delay() + random.between(0, 50), arrive);
    });
  }

  const entries = Object.entries(functions as Functions).map(([name, work]) => [
    name,
    (...args: unknown[]) => call(work, args),
  ]);
  return Object.fromEntries(entries) as F;
}

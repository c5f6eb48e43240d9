import { isUnavailable, Unavailable } from "@sate/contracts";
import type { Random } from "./random.ts";
import type { Owner, Simulation } from "./simulation.ts";

/** How often, from 0 to 1, something fails at the moment. */
export type Odds = {
  /** A call never arrives. */
  failed: number;
  /** It arrives and is carried out, and its response is lost. */
  lost: number;
  /** It arrives twice. */
  doubled: number;
  /** It, or its response, takes long: perhaps longer than its caller waits. */
  slow: number;
  /** A wake-up or an outcome that the broker acknowledges and loses. */
  dropped: number;
};

export const calm: Odds = { failed: 0, lost: 0, doubled: 0, slow: 0, dropped: 0 };

/** What all links and the broker share: the weather changes with every step. */
export type Weather = { random: Random; odds: Odds; cutUntil: Map<string, number> };

export type Link = {
  simulation: Simulation;
  weather: Weather;
  from: Owner;
  /** The process that carries the call out; `null`: a server of the outside, which always runs. */
  to: Owner | null;
  /** After it the caller has no response. */
  deadlineMs: number;
  /** Called with an error that a service must never reject with. */
  onUnexpected: (error: unknown) => void;
};

/** Calls that arrive at most once, though perhaps late, because nothing on their way repeats a POST. */
const neverDoubled = new Set(["createExecutions"]);

type Work = (...args: unknown[]) => Promise<unknown>;

/** The same functions, those of nested objects too, over a network that may lose, double, delay and cut each call. */
export function linked<F extends object>(functions: F, link: Link): F {
  const entries = Object.entries(functions).map(([name, work]) => [
    name,
    typeof work === "function"
      ? (...args: unknown[]) => call(link, work, args, !neverDoubled.has(name))
      : linked(work, link),
  ]);
  return Object.fromEntries(entries) as F;
}

function call(link: Link, work: Work, args: unknown[], mayBeDoubled: boolean): Promise<unknown> {
  const { simulation, weather, from, to, deadlineMs, onUnexpected } = link;
  const { random, odds } = weather;
  // Not `random` and `odds`: a delay may be drawn later, in another weather.
  const delay = () => {
    const isSlow = weather.random.chance(weather.odds.slow);
    return isSlow ? weather.random.between(20, deadlineMs * 1.5) : weather.random.between(0.2, 4);
  };
  const isCut = () =>
    [from, to].some((owner) => owner !== null && (weather.cutUntil.get(owner.name) ?? 0) > simulation.now());

  return new Promise((resolve, reject) => {
    const deadline = simulation.later(from, deadlineMs, () => reject(new Unavailable("no response in time")));
    const respond = (settle: () => void) =>
      simulation.later(from, delay(), () => {
        deadline.isCancelled = true;
        settle();
      });
    if (isCut()) return;
    if (to?.isDead || random.chance(odds.failed)) {
      respond(() => reject(new Unavailable("refused")));
      return;
    }
    const reply = (settle: () => void) => {
      if (!isCut() && !weather.random.chance(weather.odds.lost)) respond(settle);
    };
    const arrive = () => {
      work(...args).then(
        (value) => reply(() => resolve(value)),
        (error) => {
          if (!isUnavailable(error)) onUnexpected(error);
          reply(() => reject(new Unavailable("the other side failed")));
        },
      );
    };
    simulation.later(to, delay(), arrive);
    if (mayBeDoubled && random.chance(odds.doubled))
      simulation.later(to, delay() + random.between(0, 50), arrive);
  });
}

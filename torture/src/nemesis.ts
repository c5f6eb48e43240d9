import { type Fault, type Nemesis, serviceOf } from "./faults/fault.ts";
import { networkFaults } from "./faults/network.ts";
import { processFaults } from "./faults/processes.ts";
import { recordFaults } from "./faults/records.ts";
import { standaloneFaults } from "./faults/standalone.ts";
import type { Options } from "./options.ts";
import type { Random } from "./random.ts";

export type Done = {
  id: string;
  name: string;
  atSeconds: number;
  seconds: number;
  targets: string[];
  outcome: string;
};

const restBetweenMs = { least: 200, most: 2_000 };
/** None takes longer by itself; one that does is stuck, and so would be the whole run. */
const faultMs = 120_000;

export function faultsFor({ system, only }: Pick<Options, "system" | "only">): Fault[] {
  const all =
    system === "standalone" ? standaloneFaults : [...processFaults, ...networkFaults, ...recordFaults];
  return all.filter(({ id }) => only.length === 0 || only.includes(id));
}

/**
 * Does harm for `ms`: the faults as a deck of cards, shuffled by the seed, dealt one after another and shuffled anew
 * when it is empty. So each has its turn, and the same seed makes the same schedule.
 */
export async function rage(
  nemesis: Nemesis,
  options: {
    faults: Fault[];
    ms: number;
    say: (done: Done) => void;
    pauseMs?: { least: number; most: number };
  },
): Promise<Done[]> {
  const { faults, ms, say, pauseMs = restBetweenMs } = options;
  const started = performance.now();
  const done: Done[] = [];
  let deck: Fault[] = [];
  while (performance.now() - started < ms && faults.length > 0) {
    if (deck.length === 0) deck = shuffled(faults, nemesis.random);
    const fault = deck.pop() as Fault;
    const at = performance.now();
    const { targets, outcome } = await Promise.race([
      fault.run(nemesis),
      Bun.sleep(faultMs).then(() => ({ targets: [], outcome: `not over after ${faultMs / 1_000} s` })),
    ]).catch((error: Error) => ({ targets: [], outcome: `failed: ${error.message}` }));
    const seconds = (performance.now() - at) / 1_000;
    const one = {
      id: fault.id,
      name: fault.name,
      atSeconds: (at - started) / 1_000,
      seconds,
      targets,
      outcome,
    };
    done.push(one);
    say(one);
    await Bun.sleep(nemesis.random.between(pauseMs.least, pauseMs.most));
  }
  return done;
}

/** Ends all harm, whatever a fault has left. */
export async function heal({ system }: Nemesis): Promise<void> {
  for (const { proxy } of system.links) await proxy.set("pass");
  for (const { pid } of system.processes()) {
    try {
      process.kill(pid, "SIGCONT");
    } catch {
      // It is gone already.
    }
  }
}

function shuffled<T>(from: T[], random: Random): T[] {
  const cards = [...from];
  for (let at = cards.length - 1; at > 0; at--) {
    const other = random.between(0, at);
    [cards[at], cards[other]] = [cards[other] as T, cards[at] as T];
  }
  return cards;
}

/** How often each fault hit each component. */
export function hits(done: Done[]): Record<string, Record<string, number>> {
  const counts: Record<string, Record<string, number>> = {};
  for (const { id, targets } of done) {
    const own = counts[id] ?? {};
    counts[id] = own;
    for (const target of targets) {
      const component = target.split("→").map(serviceOf).join("→");
      own[component] = (own[component] ?? 0) + 1;
    }
  }
  return counts;
}

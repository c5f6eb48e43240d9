import { backlog } from "./faults/backlog.ts";
import { type Fault, type Harm, type Nemesis, signal } from "./faults/fault.ts";
import { groupFaults } from "./faults/groups.ts";
import { kindOf, networkFaults } from "./faults/network.ts";
import { processFaults } from "./faults/processes.ts";
import { recordFaults } from "./faults/records.ts";
import { standaloneFaults } from "./faults/standalone.ts";
import { serviceOf, spare, ways } from "./links.ts";
import type { Options } from "./options.ts";
import { modes } from "./tcp-proxy.ts";

export type Done = Harm & { id: string; name: string; atSeconds: number; seconds: number };

const restBetweenMs = { least: 200, most: 2_000 };
/** None takes longer by itself; one that does is stuck, and so would be the whole run. */
const faultMs = 120_000;

export function faultsFor({ system, only, minutes }: Pick<Options, "system" | "only" | "minutes">): Fault[] {
  const all =
    system === "standalone"
      ? standaloneFaults
      : [...processFaults, ...networkFaults, ...recordFaults, ...groupFaults, backlog];
  return all.filter(
    ({ id, fromMinutes = 0 }) =>
      // Asked for by name it comes in a short run, too.
      (only.length === 0 && minutes >= fromMinutes) || only.includes(id),
  );
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
    isOver?: () => boolean;
  },
): Promise<Done[]> {
  const { faults, ms, say, pauseMs = restBetweenMs, isOver = () => false } = options;
  const started = performance.now();
  const done: Done[] = [];
  let deck: Fault[] = [];
  while (performance.now() - started < ms && faults.length > 0 && !isOver()) {
    if (deck.length === 0) {
      const hadOnce = new Set(done.filter(({ missed }) => !missed).map(({ name }) => name));
      deck = nemesis.random.shuffled(
        faults.filter(({ fromMinutes, name }) => fromMinutes === undefined || !hadOnce.has(name)),
      );
    }
    const fault = deck.pop() as Fault;
    const at = performance.now();
    const mostMs = fault.mostMs ?? faultMs;
    const late = Promise.withResolvers<Harm>();
    const timer = setTimeout(late.resolve, mostMs, {
      targets: [],
      outcome: `not over after ${mostMs / 1_000} s`,
      missed: true,
    });
    const harm = await Promise.race([fault.run(nemesis), late.promise]).catch(
      ({ message }: Error): Harm => ({ targets: [], outcome: `failed: ${message}`, missed: true }),
    );
    clearTimeout(timer);
    const seconds = (performance.now() - at) / 1_000;
    const one = { id: fault.id, name: fault.name, atSeconds: (at - started) / 1_000, seconds, ...harm };
    done.push(one);
    say(one);
    await Bun.sleep(nemesis.random.between(pauseMs.least, pauseMs.most));
  }
  return done;
}

/** What of these faults has not been done, and which modes no link of a kind has met. */
export function notDone(faults: Fault[], done: Done[]): string[] {
  const did = done.filter(({ missed }) => !missed);
  const names = new Set(did.map(({ name }) => name));
  const missing = faults.filter(({ name }) => !names.has(name)).map(({ id, name }) => `${id} ${name}`);
  if (!faults.some(({ id }) => id === "F11")) return missing;
  const met = new Set(
    did
      .filter(({ id }) => id === "F11")
      .flatMap(({ name, targets }) => targets.map((link) => `${name} on ${kindOf(endsOf(link))}`)),
  );
  const wanted = modes
    .filter((mode) => mode !== "pass")
    .flatMap((mode) => ways().map((way) => `link: ${mode} on ${kindOf(way)}`));
  return [...missing, ...new Set(wanted.filter((one) => !met.has(one)))];
}

function endsOf(link: string): { from: string; to: string } {
  const [from = "", to = ""] = link.split("→");
  return { from, to };
}

/** Ends all harm, whatever a fault has left. */
export async function heal({ system }: Nemesis): Promise<void> {
  system.holdBack(spare);
  for (const { proxy } of system.links) await proxy.set("pass");
  for (const { pid } of system.processes()) signal(pid, "SIGCONT");
}

/** How often each fault hit each component. */
export function hits(done: Done[]): Record<string, Record<string, number>> {
  const counts: Record<string, Record<string, number>> = {};
  for (const { id, targets, missed } of done) {
    if (missed) continue;
    const own = counts[id] ?? {};
    counts[id] = own;
    for (const target of targets) {
      const component = target.split("→").map(serviceOf).join("→");
      own[component] = (own[component] ?? 0) + 1;
    }
  }
  return counts;
}

import { inTime } from "@sate/contracts/runtime";
import { signal } from "../system/processes.ts";
import type { Fault, Harm, Nemesis } from "./faults/fault.ts";
import { kindOf, networkFaults } from "./faults/network.ts";
import { processFaults } from "./faults/processes.ts";
import { remoteWorkerFaults } from "./faults/remote-worker.ts";
import { standaloneFaults } from "./faults/standalone.ts";
import { topicFaults } from "./faults/topics.ts";
import { countBy } from "./invariants/outcomes.ts";
import { serviceOf, ways } from "./links.ts";
import type { Options } from "./options.ts";
import { modes } from "./tcp-proxy.ts";

/** A fault as it happened. `missed`: it could not be injected, so it does not count. */
export type Done = Harm & { id: string; name: string; atSeconds: number; seconds: number; missed?: true };

const restBetweenMs = { least: 200, most: 2_000 };
/** A fault that takes longer is stuck, and must not hold up the run. */
const faultMs = 120_000;

export function faultsFor({ system, only, minutes }: Pick<Options, "system" | "only" | "minutes">): Fault[] {
  const inClusters = [...processFaults, ...networkFaults, ...topicFaults];
  const all = [...remoteWorkerFaults, ...(system === "standalone" ? standaloneFaults : inClusters)];
  // A fault that is named is injected in a short run, too.
  return all.filter(({ id, fromMinutes = 0 }) =>
    only.length > 0 ? only.includes(id) : minutes >= fromMinutes,
  );
}

/**
 * Injects faults for `ms`, one after another, in the order of a deck of cards: shuffled by the seed, and shuffled again
 * when it is empty. So each fault has its turn, and the same seed makes the same schedule.
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
  const secondsSince = (at: number) => (performance.now() - at) / 1_000;
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
    const { id, name, mostMs = faultMs } = fault;
    const at = performance.now();
    const atSeconds = secondsSince(started);
    const harm = await inTime(fault.run(nemesis), mostMs).catch(({ message }: Error) => {
      return { targets: [], outcome: `failed: ${message}`, missed: true as const };
    });
    const one: Done = { id, name, atSeconds, seconds: secondsSince(at), ...harm };
    done.push(one);
    say(one);
    await Bun.sleep(nemesis.random.between(pauseMs.least, pauseMs.most));
  }
  return done;
}

/** The faults that were not injected, and the proxy modes that were not set on a kind of link. */
export function notDone(faults: Fault[], done: Done[]): string[] {
  const did = done.filter(({ missed }) => !missed);
  const onLinks = did.flatMap(({ name, targets }) =>
    targets.map((link) => `${name} on ${componentOf(link)}`),
  );
  const met = new Set([...did.map(({ name }) => name), ...onLinks]);
  const missing = faults.filter(({ name }) => !met.has(name)).map(({ id, name }) => `${id} ${name}`);
  if (!faults.some(({ id }) => id === "F11")) return missing;
  const wanted = modes
    .filter((mode) => mode !== "pass")
    .flatMap((mode) => ways().map((way) => `link: ${mode} on ${kindOf(way)}`));
  return [...missing, ...new Set(wanted.filter((one) => !met.has(one)))];
}

/** The service, or the link between services, that a target of a fault is. */
const componentOf = (target: string) => target.split("→").map(serviceOf).join("→");

/** Ends all harm that faults may have left behind. */
export async function heal({ system }: Nemesis): Promise<void> {
  system.holdBack([]);
  for (const { proxy } of system.links) await proxy.set("pass");
  for (const { pid } of system.processes()) signal(pid, "SIGCONT");
}

/** How many times each fault hit each component. */
export function hits(done: Done[]): [id: string, component: string, count: number][] {
  const all = done
    .filter(({ missed }) => !missed)
    .flatMap(({ id, targets }) => targets.map((target) => `${id} ${componentOf(target)}`));
  return Object.entries(countBy(all)).map(([hit, count]) => [...(hit.split(" ") as [string, string]), count]);
}

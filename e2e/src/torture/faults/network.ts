import { type Link, serviceOf } from "../links.ts";
import { leaseMs } from "../system.ts";
import { type Mode, modes } from "../tcp-proxy.ts";
import type { Fault, Nemesis } from "./fault.ts";

/** What a link is, whichever processes stand at its ends. */
export const kindOf = ({ from, to }: Pick<Link, "from" | "to">) => `${serviceOf(from)}→${serviceOf(to)}`;

const linkMs = { least: 3_000, most: 8_000 };

/** Those of processes that are there. */
function linksOf({ system }: Nemesis): Link[] {
  const there = new Set(system.processes().map(({ name }) => name));
  return system.links.filter(({ from }) => there.has(from));
}

/** Disturbs one link, or all of one process, or all to one target, until it has; then all is well again. */
async function disturb({ random }: Nemesis, mode: Mode, those: Link[]): Promise<void> {
  await Promise.all(those.map(({ proxy }) => proxy.set(mode)));
  // What comes late must come after somebody else has begun what was taken from whoever sent it.
  await Bun.sleep(mode === "late" ? leaseMs * 4 : random.between(linkMs.least, linkMs.most));
  await Promise.all(those.map(({ proxy }) => proxy.set("pass")));
}

/** A mode of the proxy. Each time on a kind of link that it has not met yet, while there is one. */
function link(mode: Mode): Fault {
  const met = new Map<Nemesis, Set<string>>();
  return {
    id: "F11",
    name: `link: ${mode}`,
    async run(nemesis) {
      const { random } = nemesis;
      const seen = met.get(nemesis) ?? new Set();
      met.set(nemesis, seen);
      const links = linksOf(nemesis);
      const fresh = links.filter((one) => !seen.has(kindOf(one)));
      const chosen = random.pick(fresh.length > 0 ? fresh : links);
      const how = random.between(1, 3);
      const those = links.filter(
        (one) =>
          one === chosen || (how === 2 && one.from === chosen.from) || (how === 3 && one.to === chosen.to),
      );
      await disturb(nemesis, mode, those);
      for (const one of those) seen.add(kindOf(one));
      return { targets: those.map(({ from, to }) => `${from}→${to}`), outcome: "healed" };
    },
  };
}

const links = modes.filter((mode) => mode !== "pass").map(link);

const lateFinishes: Fault = {
  id: "F9",
  name: "finishes arrive when the lease of their workers is over",
  async run(nemesis) {
    const { system, random } = nemesis;
    // One is well meanwhile, and runs what is taken from the others.
    const targets = random.shuffled(system.processes("processor").map(({ name }) => name)).slice(1);
    const those = system.links.filter(
      ({ from, to }) => targets.includes(from) && to.startsWith("requests-service"),
    );
    await disturb(nemesis, "late", those);
    return { targets, outcome: "healed" };
  },
};

const noDeadLetters: Fault = {
  id: "F16",
  name: "dead letters cannot be published",
  async run(nemesis) {
    const those = nemesis.system.links.filter(
      ({ from, to }) =>
        to === "kafka" && (from.startsWith("requests-service") || from.startsWith("processor")),
    );
    const mode = nemesis.random.pick(["refuse", "blackhole"] as const);
    await Promise.all(those.map(({ proxy }) => proxy.set(mode)));
    await Bun.sleep(8_000);
    await Promise.all(those.map(({ proxy }) => proxy.set("pass")));
    return { targets: those.map(({ from, to }) => `${from}→${to}`), outcome: `healed (${mode})` };
  },
};

/** Each mode is twice in the deck: there are many kinds of links; and a finish is not always on its way. */
export const networkFaults: Fault[] = [...links, ...links, lateFinishes, lateFinishes, noDeadLetters];

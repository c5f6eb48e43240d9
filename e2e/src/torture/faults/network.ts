import { type Link, serviceOf } from "../links.ts";
import { leaseMs } from "../system.ts";
import { type Mode, modes } from "../tcp-proxy.ts";
import { type Fault, fault, type Harm, namesOf } from "./fault.ts";

/** A link by the services at its ends. */
export const kindOf = ({ from, to }: Pick<Link, "from" | "to">) => `${serviceOf(from)}→${serviceOf(to)}`;

const linkMs = { least: 3_000, most: 8_000 };

/** Sets a mode on some links for a while, then heals them. */
async function disturb(mode: Mode, links: Link[], ms: number): Promise<Harm> {
  await Promise.all(links.map(({ proxy }) => proxy.set(mode)));
  await Bun.sleep(ms);
  await Promise.all(links.map(({ proxy }) => proxy.set("pass")));
  return { targets: links.map(({ from, to }) => `${from}→${to}`), outcome: `healed (${mode})` };
}

/** Late bytes must arrive after another process has started what was taken from their sender. */
const lateMs = leaseMs * 4;

/**
 * A mode of the proxy on one link, all links of one process, or all links to one target: each time of a kind that has not
 * met this mode yet, as long as there is one.
 */
function link(mode: Mode): Fault {
  return fault("F11", `link: ${mode}`, async ({ system, random, met }) => {
    const there = new Set(namesOf(system.processes()));
    const links = system.links.filter(({ from }) => there.has(from));
    const fresh = links.filter((one) => !met.has(`${mode} ${kindOf(one)}`));
    const chosen = random.pick(fresh.length > 0 ? fresh : links);
    const how = random.between(1, 3);
    const those = links.filter(
      (one) =>
        one === chosen || (how === 2 && one.from === chosen.from) || (how === 3 && one.to === chosen.to),
    );
    const ms = mode === "late" ? lateMs : random.between(linkMs.least, linkMs.most);
    const harm = await disturb(mode, those, ms);
    for (const one of those) met.add(`${mode} ${kindOf(one)}`);
    return harm;
  });
}

const links = modes.filter((mode) => mode !== "pass").map(link);

const lateFinishes = fault("F9", "finishes arrive after the lease", async ({ system, random }) => {
  // One processor stays healthy, and runs what is taken from the others.
  const senders = random.shuffled(namesOf(system.processes("processor"))).slice(1);
  const those = system.links.filter(
    ({ from, to }) => senders.includes(from) && serviceOf(to) === "requests-service",
  );
  return disturb("late", those, lateMs);
});

const noDeadLetters = fault("F16", "dead letters cannot be published", async ({ system, random }) => {
  const those = system.links.filter(
    ({ from, to }) => to === "kafka" && ["requests-service", "processor"].includes(serviceOf(from)),
  );
  return disturb(random.pick(["refuse", "blackhole"] as const), those, 8_000);
});

/** Each mode is in the deck twice, since there are many kinds of links, and a finish is not always on its way. */
export const networkFaults: Fault[] = [...links, ...links, lateFinishes, lateFinishes, noDeadLetters];

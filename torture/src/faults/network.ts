import { modes } from "../tcp-proxy.ts";
import type { Fault } from "./fault.ts";

/** Each mode of the proxy, on links from one process or to one target, or on a single one. */
export const networkFaults: Fault[] = [
  ...modes
    .filter((mode) => mode !== "pass")
    .map(
      (mode): Fault => ({
        id: "F11",
        name: `link: ${mode}`,
        async run({ system, random }) {
          const one = random.pick(system.links);
          const how = random.between(1, 3);
          const those = system.links.filter(
            (link) =>
              link === one || (how === 2 && link.from === one.from) || (how === 3 && link.to === one.to),
          );
          await Promise.all(those.map(({ proxy }) => proxy.set(mode)));
          await Bun.sleep(random.between(3_000, 10_000));
          await Promise.all(those.map(({ proxy }) => proxy.set("pass")));
          return { targets: those.map(({ from, to }) => `${from}→${to}`), outcome: "healed" };
        },
      }),
    ),
  {
    id: "F16",
    name: "dead letters cannot be published",
    async run({ system, random }) {
      const those = system.links.filter(
        ({ from, to }) => to === "kafka" && (from.startsWith("gateway") || from.startsWith("processor")),
      );
      const mode = random.pick(["refuse", "blackhole"] as const);
      await Promise.all(those.map(({ proxy }) => proxy.set(mode)));
      await Bun.sleep(8_000);
      await Promise.all(those.map(({ proxy }) => proxy.set("pass")));
      return { targets: those.map(({ from, to }) => `${from}→${to}`), outcome: `healed (${mode})` };
    },
  },
];

import { isolation } from "./bench/isolation.ts";
import { retention } from "./bench/retention.ts";
import { throughput } from "./bench/throughput.ts";
import { wakeUp } from "./bench/wake-up.ts";
import { watching } from "./bench/watching.ts";

/** `bun run bench`, or `bun run bench isolation`. Only ratios within one run are meaningful. */
const benches: Record<string, () => Promise<void>> = {
  standalone: () => throughput("standalone"),
  isolation,
  cluster: () => throughput("cluster"),
  "wake-up": wakeUp,
  watching: () => watching("standalone"),
  "watching-cluster": () => watching("cluster"),
  retention,
};

for (const name of Bun.argv[2]?.split(",") ?? Object.keys(benches)) {
  const bench = benches[name];
  if (!bench) throw new Error(`There is no bench ${name}; there are ${Object.keys(benches).join(", ")}.`);
  await bench();
}

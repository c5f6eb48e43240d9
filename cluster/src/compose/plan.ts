import { dirname, join } from "node:path";
import type { Addresses } from "../servers/addresses.ts";
import { detoured, type Layout } from "../supervise/layout.ts";
import { type Compose, type ComposeService, ownServices } from "./compose.ts";
import { interpolate } from "./interpolate.ts";

/** One process of a service, as compose.yaml describes it. Those with a higher `stopRank` are stopped first. */
export type ProcessPlan = {
  name: string;
  service: string;
  command: string[];
  cwd: string;
  env: Record<string, string>;
  port: number;
  stopRank: number;
};

/** What replaces the addresses and secrets of compose.yaml. `portOf` is asked once for each process. */
export type Place = {
  root: string;
  addresses: Addresses;
  env: Record<string, string | undefined>;
  portOf: (name: string) => number;
  hostOf: (service: string) => string;
  /** The path of the running Bun, which need not be on the PATH. */
  bun: string;
  layout?: Layout;
};

/**
 * The processes of all services: command and environment of compose.yaml, in which only addresses and secrets are
 * replaced. Where a service runs more than once, those that call it get the addresses of all its processes, each
 * beginning with another one; in Docker the name of the service stands for all of them.
 */
export function planProcesses(compose: Compose, scale: Map<string, number>, place: Place): ProcessPlan[] {
  const instances = ownServices(compose).flatMap((service) =>
    Array.from({ length: scale.get(service) ?? 1 }, (_, index) => {
      const name = `${service}-${index + 1}`;
      return { name, service, port: place.portOf(name) };
    }),
  );
  let turns = 0;
  const urlsOf = (service: string, detours: Record<string, number>): string => {
    const called = instances.filter((instance) => instance.service === service);
    const first = turns++ % (called.length || 1);
    const inTurn = [...called.slice(first), ...called.slice(0, first)];
    // With none of them running the connection is refused, as it is in Docker.
    return (
      inTurn.map(({ name, port }) => `http://127.0.0.1:${detours[name] ?? port}`).join(",") ||
      "http://127.0.0.1:1"
    );
  };
  return instances.map(({ name, service, port }) => {
    const described = compose.services[service] as ComposeService;
    const detours = place.layout?.detours[name] ?? {};
    const replaced = { ...detoured(place.addresses, detours), HOST: place.hostOf(service), PORT: `${port}` };
    const [, ...words] = described.command ?? [];
    const environment = Object.entries(described.environment ?? {}).map(([variable, value]) => {
      const [, called] = /^http:\/\/([a-z][a-z0-9-]*):\d+$/.exec(`${value}`) ?? [];
      if (called) return [variable, urlsOf(called, detours)];
      return [variable, replaced[variable as keyof typeof replaced] ?? fixed(compose, `${value}`, place)];
    });
    return {
      name,
      service,
      port,
      command: [place.bun, ...words.map((word) => interpolate(word, place.env))],
      cwd: folderOf(described, place.root),
      env: { ...Object.fromEntries(environment), ...place.layout?.environment?.[name] },
      stopRank: rankOf(compose, service),
    };
  });
}

function folderOf({ build }: ComposeService, root: string): string {
  return join(root, build?.context ?? ".", dirname(build?.dockerfile ?? "."));
}

/** A value that is no address. Throws if it is one, of a kind that nothing replaces. */
function fixed({ services }: Compose, value: string, { env }: Place): string {
  const address = new RegExp(`(^|[/@,])(${Object.keys(services).join("|")}):\\d`).exec(value);
  if (address)
    throw new Error(`compose.yaml: the cluster cannot replace the address of ${address[2]} in a setting.`);
  return interpolate(value, env);
}

/** One more than what it depends on, so that nothing is stopped while it is still needed. */
function rankOf(compose: Compose, service: string): number {
  const needed = compose.services[service]?.depends_on ?? [];
  return Math.max(0, ...needed.map((name) => rankOf(compose, name) + 1));
}

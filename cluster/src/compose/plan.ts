import { dirname, join, resolve } from "node:path";
import type { Addresses } from "../servers/addresses.ts";
import { detoured, type Layout } from "../supervise/layout.ts";
import { type Compose, type ComposeService, ownServices } from "./compose.ts";

/** One process of a service. Those with a higher `stopRank` are stopped first. */
export type ProcessPlan = {
  name: string;
  port: number;
  command: string[];
  cwd: string;
  env: Record<string, string>;
  stopRank: number;
};

/** What replaces the addresses and secrets of compose.yaml. `portOf` is called once for each process. */
type Place = {
  /** The folder of compose.yaml. */
  root: string;
  addresses: Addresses;
  env: Record<string, string | undefined>;
  /** The gateway's. */
  host: string;
  portOf: (name: string) => number;
  layout: Layout;
};

/**
 * The processes of all services: command and environment of compose.yaml, in which only addresses, secrets and the
 * paths of mounted folders are replaced. Where a service runs more than once, its callers get the addresses of all its
 * processes, each starting with a different one; in Docker the name of the service stands for all of them.
 */
export function planProcesses(compose: Compose, scale: Record<string, number>, place: Place): ProcessPlan[] {
  const instances = ownServices(compose).flatMap((service) =>
    Array.from({ length: scale[service] ?? 1 }, (_, index) => {
      const name = `${service}-${index + 1}`;
      return { name, service, port: place.portOf(name) };
    }),
  );
  let turns = 0;
  const urlsOf = (service: string, detours: Record<string, number>): string => {
    const called = instances.filter((instance) => instance.service === service);
    // Without any, the connection is refused, as it is in Docker.
    if (called.length === 0) return "http://127.0.0.1:1";
    const first = turns++ % called.length;
    return [...called.slice(first), ...called.slice(0, first)]
      .map(({ name, port }) => `http://127.0.0.1:${detours[name] ?? port}`)
      .join(",");
  };
  return instances.map(({ name, service, port }) => {
    const described = compose.services[service] as ComposeService;
    const detours = place.layout.detours[name] ?? {};
    const replaced: Record<string, string> = {
      ...detoured(place.addresses, detours),
      HOST: service === "gateway" ? place.host : "127.0.0.1",
      PORT: `${port}`,
    };
    const mounts = mountsOf(described, place);
    const [, ...words] = described.command ?? [];
    const environment = Object.entries(described.environment ?? {}).map(([variable, value]) => {
      const [, called] = /^http:\/\/([a-z][a-z0-9-]*):\d+$/.exec(`${value}`) ?? [];
      if (called) return [variable, urlsOf(called, detours)];
      return [variable, replaced[variable] ?? mounts[`${value}`] ?? fixed(compose, `${value}`, place)];
    });
    return {
      name,
      port,
      command: [process.execPath, ...words.map((word) => interpolate(word, place.env))],
      cwd: join(place.root, described.build?.context ?? ".", dirname(described.build?.dockerfile ?? ".")),
      env: { ...Object.fromEntries(environment), ...place.layout.environment?.[name] },
      stopRank: rankOf(compose, service),
    };
  });
}

/** Mounted folders of this machine, by their path in the container. A setting with that path gets the folder itself. */
function mountsOf({ volumes = [] }: ComposeService, { root, env }: Place): Record<string, string> {
  const mounts = volumes.map((volume) => {
    const [, source = "", target = ""] = /^(.+):(\/[^:]+):ro$/.exec(volume) ?? [];
    return [target, resolve(root, interpolate(source, env))];
  });
  return Object.fromEntries(mounts);
}

/** A value that is no address. Throws if it is one, of a kind that nothing replaces. */
function fixed({ services }: Compose, value: string, { env }: Place): string {
  const address = new RegExp(`(^|[/@,])(${Object.keys(services).join("|")}):\\d`).exec(value);
  if (address)
    throw new Error(`compose.yaml: the cluster cannot replace the address of ${address[2]} in a setting.`);
  return interpolate(value, env);
}

const dollar = /\$(?:(\$)|\{([A-Z][A-Z0-9_]*)(?::([-?])([^{}$]*))?\})?/g;

/**
 * Replaces `$$`, `${NAME}`, `${NAME:-default}` and `${NAME:?message}` as Docker does: an empty value counts as none.
 * Throws at any other `$`, which Docker might understand in another way.
 */
function interpolate(text: string, env: Place["env"]): string {
  return text.replace(dollar, (_, doubled?: string, name?: string, kind?: string, rest = "") => {
    if (doubled) return "$";
    if (!name) throw new Error(`compose.yaml: the cluster does not support the $ in "${text}".`);
    if (env[name]) return env[name];
    if (kind === "?") throw new Error(`${name} is not set: ${rest}.`);
    return rest;
  });
}

/** One more than what it depends on, so that nothing is stopped while it is still needed. */
function rankOf(compose: Compose, service: string): number {
  const needed = compose.services[service]?.depends_on ?? [];
  return Math.max(0, ...needed.map((name) => rankOf(compose, name) + 1));
}

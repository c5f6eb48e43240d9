import { dirname, join } from "node:path";
import type { Addresses } from "./addresses.ts";
import type { Compose, ComposeService } from "./compose.ts";
import type { HealthRules } from "./health.ts";
import { durationMs, interpolate } from "./interpolate.ts";
import { detoured, type Layout } from "./layout.ts";
import { type RestartPolicy, restartPolicy } from "./restart.ts";

/** One process of a service, as compose.yaml describes it. `stopRank`: those with a higher one are stopped before. */
export type ProcessPlan = {
  name: string;
  service: string;
  command: string[];
  cwd: string;
  env: Record<string, string>;
  port: number;
  restart: RestartPolicy;
  health: HealthRules & { command: string[] };
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
  detours?: Layout["detours"];
  /** Variables of single processes beside those of compose.yaml, by the process's name. */
  environment?: Layout["environment"];
};

/** The services of compose.yaml that are built from this repository: what the cluster runs as processes. */
export function ownServices(compose: Compose): string[] {
  return Object.keys(compose.services).filter((name) => compose.services[name]?.build);
}

/**
 * The processes of all services: command, environment, restart policy and health check of compose.yaml, in which only
 * addresses and secrets are replaced. Where a service runs more than once, those that call it are given the addresses
 * of all its processes, each beginning with another one; in Docker the name of the service stands for all of them.
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
    const own = instances.filter((instance) => instance.service === service);
    const first = turns++ % (own.length || 1);
    const inTurn = [...own.slice(first), ...own.slice(0, first)];
    // With none of them running, the caller meets a refused connection, as it would in Docker.
    return (
      inTurn.map(({ name, port }) => `http://127.0.0.1:${detours[name] ?? port}`).join(",") ||
      "http://127.0.0.1:1"
    );
  };
  return instances.map(({ name, service, port }) => {
    const described = compose.services[service] as ComposeService;
    const detours = place.detours?.[name] ?? {};
    const replaced = { ...detoured(place.addresses, detours), HOST: place.hostOf(service), PORT: `${port}` };
    return {
      name,
      service,
      port,
      command: runnable(described.command ?? [], place),
      cwd: folderOf(described, place.root),
      env: {
        ...environmentOf(described, replaced, (called) => urlsOf(called, detours), place),
        ...place.environment?.[name],
      },
      restart: restartPolicy(described.restart),
      health: healthOf(service, described, place),
      stopRank: rankOf(compose, service),
    };
  });
}

export function folderOf({ build }: ComposeService, root: string): string {
  return join(root, build?.context ?? ".", dirname(build?.dockerfile ?? "."));
}

function environmentOf(
  { environment = {} }: ComposeService,
  replaced: Record<string, string>,
  urlsOf: (service: string) => string,
  { env }: Place,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).map(([name, value]) => {
      const [, called] = /^http:\/\/([a-z][a-z0-9-]*):\d+$/.exec(`${value}`) ?? [];
      if (called) return [name, urlsOf(called)];
      return [name, replaced[name] ?? interpolate(`${value}`, env)];
    }),
  );
}

function healthOf(service: string, { healthcheck }: ComposeService, place: Place): ProcessPlan["health"] {
  const [kind, ...command] = healthcheck?.test ?? [];
  if (!healthcheck || kind !== "CMD") throw new Error(`compose.yaml has no health check CMD for ${service}.`);
  return {
    command: runnable(command, place),
    intervalMs: durationMs(healthcheck.interval),
    timeoutMs: durationMs(healthcheck.timeout),
    retries: healthcheck.retries,
    startPeriodMs: durationMs(healthcheck.start_period),
    startIntervalMs: durationMs(healthcheck.start_interval),
  };
}

function runnable(command: string[], { env, bun }: Place): string[] {
  return command.map((word, index) => (index === 0 && word === "bun" ? bun : interpolate(word, env)));
}

/** One more than what it depends on, so that nothing is stopped while it is still needed. */
function rankOf(compose: Compose, service: string): number {
  const needed = compose.services[service]?.depends_on ?? [];
  return Math.max(0, ...needed.map((name) => rankOf(compose, name) + 1));
}

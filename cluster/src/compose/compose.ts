import { join } from "node:path";

/** What this folder reads of compose.yaml. */
export type Compose = { services: Record<string, ComposeService> };
export type ComposeService = {
  image?: string;
  build?: { context: string; dockerfile: string };
  command?: string[];
  environment?: Record<string, string | number | boolean>;
  /** Folders of this machine: source:target:ro. */
  volumes?: string[];
  depends_on?: string[];
  profiles?: string[];
};

export const composeFile = join(import.meta.dir, "../../../compose.yaml");

/** Keys that do not change what a service does, or that only Docker uses. */
const ignoredOfFile = ["name", "networks", "volumes"];
const ignoredOfService = [
  ...["user", "read_only", "cap_drop", "security_opt", "tmpfs", "mem_limit", "pids_limit", "init"],
  ...["stop_grace_period", "healthcheck", "ports", "networks"],
];

/**
 * Reads the file without the services whose profiles are all missing from `profiles`. Throws if it says anything about
 * our own services that the cluster would not do.
 */
export async function readCompose(file = composeFile, profiles: string[] = []): Promise<Compose> {
  const compose = Bun.YAML.parse(await Bun.file(file).text());
  const problems = problemsOf(compose);
  if (problems.length > 0) throw new Error(`${file}: ${problems.join("; ")}.`);
  const all = Object.entries((compose as Compose).services);
  const isActive = ({ profiles: own }: ComposeService) => !own || own.some((name) => profiles.includes(name));
  return { services: Object.fromEntries(all.filter(([, service]) => isActive(service))) };
}

/** The services that are built from this repository, which the cluster runs as processes. */
export function ownServices(compose: Compose): string[] {
  return Object.keys(compose.services).filter((name) => compose.services[name]?.build);
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isWords = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((word) => typeof word === "string");
const isScalar = (value: unknown) => ["string", "number", "boolean"].includes(typeof value);
/** `args` concern only the image: in a cluster, commands of processors use the programs of this machine. */
const isBuild = (value: unknown) => {
  if (!isRecord(value)) return false;
  const { args, ...paths } = value;
  return isWords(Object.values(paths)) && `${Object.keys(paths).sort()}` === "context,dockerfile";
};
const isMount = (value: string) => /^.+:\/[^:]+:ro$/.test(value);

/** The rule for each key of a service, in words, and whether its value follows it. */
const understood: Record<string, [rule: string, holds: (value: unknown) => boolean]> = {
  build: ["must be a context and a dockerfile", isBuild],
  command: ["must be a list of words that begins with bun", (value) => isWords(value) && value[0] === "bun"],
  environment: [
    "must be a map of names and values",
    (value) => isRecord(value) && Object.values(value).every(isScalar),
  ],
  volumes: [
    "must be a list of source:target:ro, each a folder of this machine",
    (value) => isWords(value) && value.every(isMount),
  ],
  depends_on: ["must be a list of names", isWords],
  profiles: ["must be a list of names", isWords],
  restart: ["must be unless-stopped", (value) => value === "unless-stopped"],
};

function problemsOf(compose: unknown): string[] {
  if (!isRecord(compose) || !isRecord(compose.services)) return ["it has no services"];
  const problems = Object.keys(compose)
    .filter((key) => key !== "services" && !key.startsWith("x-") && !ignoredOfFile.includes(key))
    .map((key) => `the cluster does not support ${key}`);
  for (const [name, service] of Object.entries(compose.services)) {
    if (!isRecord(service)) return [...problems, `${name} must be a map`];
    if (!("build" in service)) continue;
    for (const key of new Set([...Object.keys(service), "command", "restart"])) {
      if (ignoredOfService.includes(key)) continue;
      const [rule, holds] = understood[key] ?? ["is not supported by the cluster", () => false];
      if (!holds(service[key])) problems.push(`${key} of ${name} ${rule}`);
    }
  }
  return problems;
}

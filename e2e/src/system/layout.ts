import { renameSync, writeFileSync } from "node:fs";

/** The number of processes of each service, one by default; none of the second set of processors. */
export type Scale = Partial<Record<(typeof serviceNames)[number] | typeof secondSet, number>>;

/** Runs only with COMPOSE_PROFILES=examples. */
const secondSet = "processor-examples";

export const serviceNames = [
  "gateway",
  "requests-service",
  "processor",
  "results-listener",
  "results-service",
] as const;

/** The names of all processes of Sate. */
export function instances(scale: Scale): string[] {
  const counts = { ...Object.fromEntries(serviceNames.map((name) => [name, 1])), [secondSet]: 0, ...scale };
  return Object.entries(counts).flatMap(([service, count]) =>
    Array.from({ length: count }, (_, at) => `${service}-${at + 1}`),
  );
}

/** Whether a process of this name is not a service of Sate. */
export const isServer = (name: string) => name === "kafka" || name === "mongo";

/** The file that `cluster` reads as LAYOUT, see cluster/src/supervise/layout.ts. */
export type Layout = {
  ports: Record<string, number>;
  detours: Record<string, Record<string, number>>;
  environment?: Record<string, Record<string, string>>;
  down?: string[];
};

/** Atomic, since the cluster reads the file at any time. */
export function writeLayout(path: string, layout: Layout): void {
  writeFileSync(`${path}.new`, JSON.stringify(layout));
  renameSync(`${path}.new`, path);
}

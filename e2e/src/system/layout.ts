import { renameSync, writeFileSync } from "node:fs";

/** How many processes of each service; those that are not named have one. */
export type Scale = Partial<Record<(typeof serviceNames)[number], number>>;

export const serviceNames = [
  "gateway",
  "requests-service",
  "processor",
  "results-listener",
  "results-service",
] as const;

/** The names of all processes that speak HTTP. */
export function instances(scale: Scale): string[] {
  return serviceNames.flatMap((service) =>
    Array.from({ length: scale[service] ?? 1 }, (_, at) => `${service}-${at + 1}`),
  );
}

/** Whether a process of this name is no service of ours. */
export const isServer = (name: string) => name === "kafka" || name === "mongo";

/** The file that `cluster` reads as LAYOUT, see cluster/src/layout.ts. */
export type Layout = {
  ports: Record<string, number>;
  detours: Record<string, Record<string, number>>;
  environment?: Record<string, Record<string, string>>;
  down?: string[];
};

/** Written at once, for the cluster reads it at any time. */
export function writeLayout(path: string, layout: Layout): void {
  writeFileSync(`${path}.new`, JSON.stringify(layout));
  renameSync(`${path}.new`, path);
}

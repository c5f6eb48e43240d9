import { renameSync, writeFileSync } from "node:fs";

/** The number of processes of each service, one by default. */
export type Scale = Partial<Record<(typeof serviceNames)[number], number>>;

export const serviceNames = [
  "gateway",
  "requests-service",
  "processor",
  "results-listener",
  "results-service",
] as const;

/** The names of all processes of Sate. */
export function instances(scale: Scale): string[] {
  return serviceNames.flatMap((service) =>
    Array.from({ length: scale[service] ?? 1 }, (_, at) => `${service}-${at + 1}`),
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

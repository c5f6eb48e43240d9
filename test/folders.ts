import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export const root = join(import.meta.dir, "..");

/** What services share. */
export const contracts = "contracts";
/** Independently versioned, each importing nothing of ours but contracts. */
export const services = ["gateway", "requests-service", "processor", "results-listener", "results-service"];
/** The only one that imports services. */
export const standalone = "standalone";
export const others = ["cluster", "e2e"];
export const folders = [contracts, ...services, standalone, ...others];

/** The TypeScript files of a folder, with its own tests, without what it has installed. */
export function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts") && !path.includes("node_modules"))
    .map((path) => join(folder, path))
    .toSorted();
}

export function read(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

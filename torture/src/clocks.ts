import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const fileOf = (dataDir: string, name: string) => join(dataDir, "clocks", name);

/** Variables by which a process takes its wall clock from a file of its own, see skew.ts. */
export function clockEnvironment(dataDir: string, name: string): Record<string, string> {
  return {
    BUN_OPTIONS: `--preload=${join(import.meta.dir, "skew.ts")}`,
    CLOCK_FILE: fileOf(dataDir, name),
  };
}

/** Sets the wall clock of one process forward, or back. It stays so when the process is started again. */
export function setClock(dataDir: string, name: string, offsetMs: number): void {
  mkdirSync(join(dataDir, "clocks"), { recursive: true });
  writeFileSync(fileOf(dataDir, name), String(offsetMs));
}

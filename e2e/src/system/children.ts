import { existsSync, readdirSync, readFileSync } from "node:fs";

/** A process that a service started for its runs, or a descendant of one. `boot` identifies the service. */
export type Child = { pid: number; parent: number; boot: string; command: string };

/**
 * The living processes of a system's runs, found by two inherited variables: TMPDIR, which `startSystem` sets to a folder
 * in the data folder, and the cookie of the service. Empty where there is no /proc.
 */
export function childrenOf(dataDir: string): Child[] {
  return processes().flatMap((pid) => {
    const environment = read(pid, "environ");
    const [, boot] = /(?:^|\0)SATE_GROUP=([^.\0]+)/.exec(environment) ?? [];
    if (boot === undefined || !environment.includes(dataDir)) return [];
    const [, parent] = /^PPid:\s+(\d+)$/m.exec(read(pid, "status")) ?? [];
    return [{ pid, parent: Number(parent), boot, command: read(pid, "cmdline").replaceAll("\0", " ") }];
  });
}

/**
 * The ids of a system's remaining processes: those with its data folder in their environment, and the guards of services
 * that had children, whose environment is empty.
 */
export function leftOf(dataDir: string, boots: ReadonlySet<string>): number[] {
  const isGuard = (pid: number) => {
    const [, boot] = /SATE_GROUP=([^.\0]+)/.exec(read(pid, "cmdline")) ?? [];
    return boot !== undefined && boots.has(boot);
  };
  return processes().filter((pid) => read(pid, "environ").includes(dataDir) || isGuard(pid));
}

function processes(): number[] {
  const all = existsSync("/proc") ? readdirSync("/proc") : [];
  return all.flatMap((name) => (/^\d+$/.test(name) && name !== String(process.pid) ? [Number(name)] : []));
}

/** Empty if the process has ended, or is another user's. */
function read(pid: number, file: "environ" | "cmdline" | "status"): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "latin1");
  } catch {
    return "";
  }
}

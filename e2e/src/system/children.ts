import { existsSync, readdirSync, readFileSync } from "node:fs";

/** A process that a service has started for its runs, or that such a process has started. `boot`: of which service. */
export type Child = { pid: number; parent: number; boot: string; command: string };

/**
 * The living processes of the runs of a system, found by two variables that they inherit: TMPDIR, which `startSystem`
 * puts into the data folder, and the cookie of the service. None where there is no /proc.
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
 * What is left of a system: processes with its data folder in their environment, and the guards of the services that had
 * children, which have nothing in theirs.
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

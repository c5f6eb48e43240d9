import { afterAll } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createGroups, type GroupOptions } from "../../src/children/group.ts";
import { signal } from "../../src/children/processes.ts";

const quiet = () => {};
export const noLog = { debug: quiet, info: quiet, warn: quiet, error: quiet };

/** Groups of this test file; what is left of them is killed after it. */
export function groupsOfTest() {
  const groups = createGroups({ log: noLog });
  afterAll(groups.close);

  /** Starts a program whose output is kept. */
  function start(argv: string[], options: Partial<GroupOptions> = {}) {
    const kept = { stdout: "", stderr: "" };
    const into = (name: keyof typeof kept) => ({
      take(chunk: Uint8Array) {
        kept[name] += Buffer.from(chunk).toString();
      },
    });
    const group = groups.spawn({
      argv,
      env: { PATH: Bun.env.PATH ?? "" },
      stdout: into("stdout"),
      stderr: into("stderr"),
      ...options,
    });
    return { group, kept };
  }

  return {
    groups,
    start,
    sh: (script: string, options?: Partial<GroupOptions>) => start(["sh", "-c", script], options),
  };
}

/** Whether a process has ended. Its parent may not have asked for its exit code yet. */
export async function isDead(pid: number): Promise<boolean> {
  if (!signal(pid, 0)) return true;
  const stat = await Bun.file(`/proc/${pid}/stat`)
    .text()
    .catch(() => ") X");
  return /^ [ZX]/.test(stat.slice(stat.lastIndexOf(")") + 1));
}

/** A folder of its own, removed after the tests of the file. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "sate-children-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

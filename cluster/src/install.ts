import { existsSync } from "node:fs";
import { join } from "node:path";

const installMs = 5 * 60_000;

/** `bun install --frozen-lockfile` in each folder. What went wrong in a sentence, or `undefined`. */
export async function installPackages(folders: string[], bun: string): Promise<string | undefined> {
  for (const folder of folders) {
    if (!existsSync(join(folder, "package.json"))) return `There is no service in ${folder}.`;
    const child = Bun.spawn([bun, "install", "--frozen-lockfile", "--silent"], {
      cwd: folder,
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe",
      timeout: installMs,
      killSignal: "SIGKILL",
    });
    const said = await child.stderr.text();
    if ((await child.exited) !== 0) return `bun install failed in ${folder}: ${said.trim().slice(-500)}`;
  }
  return undefined;
}

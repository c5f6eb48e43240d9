import { existsSync, readFileSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { root } from "./processes.ts";

export type Schemathesis =
  | { kind: "installed"; command: string[]; env: Record<string, string> }
  | { kind: "unavailable"; reason: string };

const folder = join(import.meta.dir, "../../schemathesis");
const requirements = join(folder, "requirements.txt");
const installMs = 5 * 60_000;
const start = "from schemathesis.cli import schemathesis; schemathesis()";

/**
 * schemathesis and what it needs, in the versions of requirements.txt, installed by pip once into a folder of `.cache`
 * that is named after them. The folder appears complete or not at all.
 */
export async function installSchemathesis(): Promise<Schemathesis> {
  const python = Bun.which("python3");
  if (python === null) return { kind: "unavailable", reason: "Python is not installed (python3)" };
  const version = Bun.spawnSync([python, "--version"]).stdout.toString();
  const hash = new Bun.CryptoHasher("sha256").update(version).update(readFileSync(requirements));
  const installed = join(root, ".cache", `schemathesis-${hash.digest("hex").slice(0, 12)}`);
  if (!existsSync(installed)) {
    const reason = await install(python, installed);
    if (reason !== null) return { kind: "unavailable", reason };
  }
  const command = [python, "-B", "-c", start, "--config-file", join(folder, "schemathesis.toml")];
  return { kind: "installed", command, env: { PYTHONPATH: `${installed}:${folder}` } };
}

/** Returns why it failed, or null. */
async function install(python: string, installed: string): Promise<string | null> {
  const unfinished = `${installed}.${process.pid}`;
  await mkdir(unfinished, { recursive: true });
  const options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:"];
  const pip = Bun.spawn(
    [python, "-m", "pip", "install", ...options, "--target", unfinished, "-r", requirements],
    { stdio: ["ignore", "ignore", "pipe"], timeout: installMs },
  );
  const [errors, code] = await Promise.all([pip.stderr.text(), pip.exited]);
  // Another process may have been quicker.
  if (code === 0 && !existsSync(installed)) await rename(unfinished, installed);
  await rm(unfinished, { recursive: true, force: true });
  if (code === 0) return null;
  return `pip could not install schemathesis: ${errors.trim().split("\n").at(-1)}`;
}

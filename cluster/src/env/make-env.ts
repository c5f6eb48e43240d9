/**
 * `bun run env`: makes .env, with random secrets and a first API key, from .env.example; or adds what an older .env
 * lacks. The key is printed once and stored nowhere: .env has its hash.
 */
import { existsSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { composeFile } from "../compose/compose.ts";

const root = dirname(composeFile);
const target = Bun.argv[2] ?? join(root, ".env");
/** The template leaves a variable empty for each secret. */
const empty = /^([A-Z][A-Z0-9_]*)=$/gm;
const template = readFileSync(join(root, ".env.example"), "utf8");

if (!existsSync(target)) {
  replace(
    target,
    template.replace(empty, (_, name) => line(name)),
  );
} else {
  const existing = readFileSync(target, "utf8");
  const missing = [...template.matchAll(empty)].flatMap(([, name = ""]) =>
    isSet(name, existing) ? [] : [name],
  );
  if (missing.length > 0)
    replace(realpathSync(target), `${existing.trimEnd()}\n\n${missing.map(line).join("\n")}\n`);
  else console.log(`${target} is complete; it was not changed.`);
}

/** Who may use the API is decided by keys or by `ALLOW_ANONYMOUS=1`. */
function isSet(name: string, text: string): boolean {
  const set = name === "API_KEYS" ? /^(API_KEYS(_FILE)?=\S|ALLOW_ANONYMOUS=1)/m : RegExp(`^${name}=\\S`, "m");
  return set.test(text);
}

/** The file may be the only copy of the databases' passwords: at each moment it is either the old one or the new one. */
function replace(path: string, content: string): void {
  const unfinished = `${path}.unfinished`;
  rmSync(unfinished, { force: true });
  writeFileSync(unfinished, content, { mode: 0o600, flag: "wx", flush: true });
  renameSync(unfinished, path);
  console.log(`${target} has new random secrets. Keep it to yourself; then: docker compose up`);
}

function line(name: string): string {
  const secret = () => Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("hex");
  return `${name}=${name === "API_KEYS" ? firstKey() : secret()}`;
}

/** The entry of a new key. The command itself prints the key, which never passes through here. */
function firstKey(): string {
  const command = [process.execPath, join(root, "gateway/src/access/make-key.ts"), "first", "read+submit"];
  const { exitCode, stdout } = Bun.spawnSync(command, { stdout: "pipe", stderr: "inherit" });
  if (exitCode !== 0) throw new Error("no API key could be made");
  return stdout.toString().trim();
}

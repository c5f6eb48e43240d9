/**
 * `bun run env`: makes .env, with random secrets and a first API key, from .env.example; or adds what an older .env
 * lacks. The key is printed once and stored nowhere: .env has its hash.
 */
import { existsSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { composeFile } from "../compose/compose.ts";
import { completed } from "./env-file.ts";

const root = dirname(composeFile);
const target = Bun.argv[2] ?? join(root, ".env");
const template = readFileSync(join(root, ".env.example"), "utf8");
const existing = existsSync(target) ? readFileSync(target, "utf8") : undefined;
const text = completed(template, existing, (name) => (name === "API_KEYS" ? firstKey() : secret()));
if (text === undefined) {
  console.log(`${target} is complete; it was not changed.`);
} else {
  replace(existing === undefined ? target : realpathSync(target), text);
  console.log(`${target} has new random secrets. Keep it to yourself; then: docker compose up`);
}

/** The file may be the only copy of the databases' passwords: at each moment it is either the old one or the new one. */
function replace(path: string, content: string): void {
  const unfinished = `${path}.unfinished`;
  rmSync(unfinished, { force: true });
  writeFileSync(unfinished, content, { mode: 0o600, flag: "wx", flush: true });
  renameSync(unfinished, path);
}

function secret(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("hex");
}

/** The entry of a new key. The command itself prints the key, which never passes through here. */
function firstKey(): string {
  const command = [process.execPath, join(root, "gateway/src/access/make-key.ts"), "first", "read+submit"];
  const { exitCode, stdout } = Bun.spawnSync(command, { stdout: "pipe", stderr: "inherit" });
  if (exitCode !== 0) throw new Error("no API key could be made");
  return stdout.toString().trim();
}

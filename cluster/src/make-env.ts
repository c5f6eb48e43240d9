/**
 * `bun run env`: makes .env, with random secrets and a first API key, from .env.example; or adds what an older .env
 * lacks. The key is printed once and kept nowhere: .env has its hash.
 */
import { chmodSync } from "node:fs";
import { dirname, join } from "node:path";
import { composeFile } from "./compose.ts";
import { completed } from "./env-file.ts";

const root = dirname(composeFile);
const target = Bun.argv[2] ?? join(root, ".env");
const template = await Bun.file(join(root, ".env.example")).text();
const file = Bun.file(target);
const existing = (await file.exists()) ? await file.text() : undefined;
const text = completed(template, existing, (name) => (name === "API_KEYS" ? firstKey() : secret()));
if (text === undefined) {
  console.log(`${target} has all that is needed; it is left as it is.`);
} else {
  await Bun.write(target, text, { mode: 0o600 });
  chmodSync(target, 0o600);
  console.log(`${target} has new random secrets. Keep it to yourself; then: docker compose up`);
}

function secret(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("hex");
}

/** The entry of a new key. The command itself tells the person the key, which never passes through here. */
function firstKey(): string {
  const command = [process.execPath, join(root, "gateway/src/make-key.ts"), "first", "read+submit"];
  const { exitCode, stdout } = Bun.spawnSync(command, { stdout: "pipe", stderr: "inherit" });
  if (exitCode !== 0) throw new Error("no API key could be made");
  return stdout.toString().trim();
}

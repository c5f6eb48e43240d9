/** `bun run env`: makes .env, with random secrets, from .env.example; or adds what an older .env lacks. */
import { chmodSync } from "node:fs";
import { dirname, join } from "node:path";
import { composeFile } from "./compose.ts";
import { completed } from "./env-file.ts";

const root = dirname(composeFile);
const target = Bun.argv[2] ?? join(root, ".env");
const template = await Bun.file(join(root, ".env.example")).text();
const file = Bun.file(target);
const existing = (await file.exists()) ? await file.text() : undefined;
const text = completed(template, existing, () =>
  Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("hex"),
);
if (text === undefined) {
  console.log(`${target} has all that is needed; it is left as it is.`);
} else {
  await Bun.write(target, text, { mode: 0o600 });
  chmodSync(target, 0o600);
  console.log(`${target} has new random secrets. Keep it to yourself; then: docker compose up`);
}

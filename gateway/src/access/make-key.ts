/**
 * `bun run key NAME SCOPE+SCOPE`: creates an API key. Its entry for API_KEYS or API_KEYS_FILE goes to standard output,
 * so that it can be appended to a file; the key goes to standard error, once, and is not stored.
 */
import { newKey, readKeys, scopes } from "./api-keys.ts";

const [name = "", named = ""] = Bun.argv.slice(2);
const { key, entry } = newKey(name, named.split("+"));
const { keys, problems } = readKeys(entry, "");
if (Bun.argv.length !== 4 || keys.length !== 1 || problems.length > 0) {
  console.error(`Usage: bun run key NAME SCOPES, for example: bun run key alice read+submit
NAME: up to 64 letters, digits, dots, - and _. SCOPES: one or more of ${scopes.join(", ")}, separated by +.
work:PROCESSOR permits a remote worker to serve only this processor: bun run key gpu-1 work:transcode+work:resize`);
  process.exit(64); // EX_USAGE of sysexits.h
}
console.error(
  `The key of ${name}, shown only once: ${key}\nIts entry for API_KEYS, or a line of API_KEYS_FILE:`,
);
console.log(entry);

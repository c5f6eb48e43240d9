/**
 * `bun run key NAME SCOPE+SCOPE`: makes an API key. The entry for API_KEYS or API_KEYS_FILE goes to standard
 * output, so that it can be appended to a file; the key goes to standard error, once, and is kept nowhere.
 */
import { newKey, readKeys, type Scope, scopes } from "./api-keys.ts";

const [name = "", named = ""] = Bun.argv.slice(2);
const { key, entry } = newKey(name, named.split("+") as Scope[]);
const { keys, problems } = readKeys(entry, "");
if (Bun.argv.length !== 4 || keys.length !== 1 || problems.length > 0) {
  console.error(`Usage: bun run key NAME SCOPES, for example: bun run key alice read+submit
NAME is at most 64 letters, digits, dots, - and _; SCOPES are out of ${scopes.join(", ")}, with + between them.`);
  process.exit(64); // EX_USAGE of sysexits.h
}
console.error(`The key of ${name}, shown this once: ${key}`);
console.log(entry);

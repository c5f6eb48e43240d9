import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { ProcessorName } from "@sate/contracts";

/**
 * What a key permits: `read`, `submit` (create, execute, cancel), `work` (serve processors as a remote worker), or
 * `admin`: everything, including the counters. An entry may also have `work:<processor>`: serve only that processor.
 */
export const scopes = ["read", "submit", "work", "admin"] as const;
export type Scope = (typeof scopes)[number];

/** A configured key. The key itself is not stored: reading the configuration gives no access. */
export type ApiKey = {
  name: string;
  scopes: readonly Scope[];
  /** The only processors that the key may serve; absent: any. */
  processors?: readonly string[];
  sha256: Buffer;
};

type ReadKeys = { keys: ApiKey[]; problems: string[] };

const processorName = ProcessorName.pattern?.slice(1, -1);
const scope = `(?:work:${processorName}|${scopes.join("|")})`;
const entryPattern = new RegExp(
  `^([A-Za-z0-9][A-Za-z0-9._-]{0,63}):(${scope}(?:\\+${scope})*):([0-9a-f]{64})$`,
);
const entryForm =
  "must be name:scope+scope:sha256, as printed by `bun run key`: a name of up to 64 letters, digits, dots, - and _, " +
  `one or more of the scopes ${scopes.join(", ")} and work:<processor>, and the SHA-256 of the key in 64 hexadecimal digits.`;
const keysMax = 1_000;

/**
 * Reads entries `name:scope+scope:sha256`, separated by commas or line breaks; # starts a comment. Reports every
 * problem by the position of its entry and quotes none: an entry may contain the key itself. `source` starts each
 * sentence.
 */
export function readKeys(text: string, source: string): ReadKeys {
  const entries = text
    .split("\n")
    .flatMap((line) => line.replace(/#.*/, "").split(","))
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "");
  const keys: ApiKey[] = [];
  const problems: string[] = [];
  for (const [index, entry] of entries.entries()) {
    const [, name = "", named = "", sha256 = ""] = entryPattern.exec(entry) ?? [];
    const key = { name, ...grantsOf(named.split("+")), sha256: Buffer.from(sha256, "hex") };
    const problem = name === "" ? entryForm : clash(key, keys);
    if (problem !== undefined) problems.push(`${source}: entry ${index + 1} ${problem}`);
    else keys.push(key);
  }
  if (entries.length > keysMax) problems.push(`${source}: at most ${keysMax} keys are allowed.`);
  return { keys, problems };
}

/** `work:<processor>` is the scope `work`, limited to these processors unless the entry also has `work` or `admin`. */
function grantsOf(named: string[]): Pick<ApiKey, "scopes" | "processors"> {
  const processors = named.flatMap((one) => (one.startsWith("work:") ? [one.slice("work:".length)] : []));
  const granted = new Set(named.map((one) => (one.startsWith("work:") ? "work" : one)) as Scope[]);
  const isLimited = processors.length > 0 && !named.includes("work") && !named.includes("admin");
  return { scopes: [...granted], ...(isLimited && { processors }) };
}

function clash(key: ApiKey, others: ApiKey[]): string | undefined {
  if (others.some(({ name }) => name === key.name)) return "has the same name as another entry.";
  if (others.some(({ sha256 }) => sha256.equals(key.sha256))) return "has the same key as another entry.";
  return undefined;
}

/**
 * A new key of 256 random bits, and its entry. One round of SHA-256 suffices: 256 bits cannot be guessed. The prefix
 * helps people, and scanners for leaked secrets, to recognize it.
 */
export function newKey(name: string, ofKey: readonly string[]): { key: string; entry: string } {
  const key = `sate_${randomBytes(32).toString("base64url")}`;
  return { key, entry: `${name}:${ofKey.join("+")}:${sha256Of(key).toString("hex")}` };
}

/** The entry of `given`. Compares every key, each in constant time, so that timing does not reveal how close a guess was. */
export function keyOf(given: string, keys: readonly ApiKey[]): ApiKey | undefined {
  const sha256 = sha256Of(given);
  let found: ApiKey | undefined;
  for (const key of keys) if (timingSafeEqual(sha256, key.sha256)) found = key;
  return found;
}

/** Compares two secrets in constant time, whatever their lengths. */
export function isSameSecret(given: string, wanted: string): boolean {
  return timingSafeEqual(sha256Of(given), sha256Of(wanted));
}

export function allows(key: ApiKey, scope: Scope): boolean {
  return key.scopes.includes(scope) || key.scopes.includes("admin");
}

/** Whether the holder of the key may serve this processor. Without keys, `key` is undefined and every client may. */
export function mayServe(key: ApiKey | undefined, processor: string): boolean {
  return key?.processors?.includes(processor) ?? true;
}

function sha256Of(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

/**
 * What a key may do: `read` what there is, `submit` (start and cancel work), or, as `admin`, everything, the
 * counters included. A key has the scopes that it names and no others; only `admin` stands for all.
 */
export const scopes = ["read", "submit", "admin"] as const;
export type Scope = (typeof scopes)[number];

/** A key as it is configured. The key itself is nowhere: who reads the configuration can let nobody in. */
export type ApiKey = { name: string; scopes: readonly Scope[]; sha256: Buffer };

export type ReadKeys = { keys: ApiKey[]; problems: string[] };

const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const sha256Pattern = /^[0-9a-f]{64}$/;
const keysMax = 1_000;

/**
 * Reads entries `name:scope+scope:sha256`, with commas or line ends between them; the rest of a line after # is
 * a comment. Pure. Names all mistakes by the place of the entry, and repeats none: somebody may have put the
 * key itself there. `source` begins each sentence.
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
    const key = readKey(entry);
    const problem = typeof key === "string" ? key : clash(key, keys);
    if (problem !== undefined) problems.push(`${source}: entry ${index + 1} ${problem}`);
    else keys.push(key as ApiKey);
  }
  if (entries.length > keysMax) problems.push(`${source}: there may be ${keysMax} keys at most.`);
  return { keys, problems };
}

/** The key, or what is wrong with it. */
function readKey(entry: string): ApiKey | string {
  const [name = "", named = "", sha256 = "", ...more] = entry.split(":");
  const ofKey = named.split("+").filter((scope): scope is Scope => scopes.includes(scope as Scope));
  if (sha256 === "" || more.length > 0) return "must be name:scope+scope:sha256, as `bun run key` prints it.";
  if (!namePattern.test(name)) return "must have a name of at most 64 letters, digits, dots, - and _.";
  if (ofKey.length === 0 || ofKey.length !== named.split("+").length) {
    return `must have scopes out of ${scopes.join(", ")}, with + between them.`;
  }
  if (!sha256Pattern.test(sha256)) return "must end with the SHA-256 of the key, 64 hexadecimal digits.";
  return { name, scopes: ofKey, sha256: Buffer.from(sha256, "hex") };
}

function clash(key: ApiKey, others: ApiKey[]): string | undefined {
  if (others.some(({ name }) => name === key.name)) return "has a name that another key has.";
  if (others.some(({ sha256 }) => sha256.equals(key.sha256))) return "is a key that another name has.";
  return undefined;
}

/**
 * A new key of 256 random bits, and the entry that lets it in. One round of SHA-256 is enough for those: there
 * is nothing to guess. The prefix is for people, and for scanners of leaked secrets.
 */
export function newKey(name: string, ofKey: readonly Scope[]): { key: string; entry: string } {
  const key = `sate_${randomBytes(32).toString("base64url")}`;
  return { key, entry: `${name}:${ofKey.join("+")}:${sha256Of(key).toString("hex")}` };
}

/**
 * The one whose key was given, or `undefined`. Every key is compared, each in constant time, so how long it
 * takes says nothing of how near a guess was.
 */
export function keyOf(given: string, keys: readonly ApiKey[]): ApiKey | undefined {
  const sha256 = sha256Of(given);
  let found: ApiKey | undefined;
  for (const key of keys) if (timingSafeEqual(sha256, key.sha256)) found = key;
  return found;
}

/** Whether two secrets are the same, in constant time whatever their lengths. */
export function isSameSecret(given: string, wanted: string): boolean {
  return timingSafeEqual(sha256Of(given), sha256Of(wanted));
}

export function allows(key: ApiKey, scope: Scope): boolean {
  return key.scopes.includes(scope) || key.scopes.includes("admin");
}

function sha256Of(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

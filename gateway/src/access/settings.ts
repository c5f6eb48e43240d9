import { readFileSync } from "node:fs";
import type { accessSettings } from "@sate/contracts";
import { type ApiKey, readKeys } from "./api-keys.ts";
import type { AllowedHosts } from "./hosts.ts";

export type AccessEnvironment = { [name in "HOST" | keyof typeof accessSettings]?: string | undefined };

export type LoadedAccess =
  | { kind: "loaded"; keys: ApiKey[]; allowedHosts: AllowedHosts }
  | { kind: "wrong"; problems: string[] };

/**
 * The keys, or none where no key is needed, and the hosts that are served then; or all mistakes, a sentence each,
 * without a value.
 */
export function loadAccess(
  env: AccessEnvironment,
  readFile: (path: string) => string = (path) => readFileSync(path, "utf8"),
): LoadedAccess {
  const given = (name: keyof AccessEnvironment) => env[name]?.trim() ?? "";
  const { keys, problems } = readKeys(given("API_KEYS"), "API_KEYS");
  if (given("API_KEYS") !== "" && keys.length + problems.length === 0) {
    problems.push("API_KEYS: there is no key in it, so nobody could come in.");
  }
  const file = given("API_KEYS_FILE");
  if (file !== "") {
    const ofFile = keysOfFile(file, readFile);
    keys.push(...ofFile.keys);
    problems.push(...ofFile.problems);
    if (given("API_KEYS") !== "") problems.push("API_KEYS and API_KEYS_FILE: only one of them may be set.");
  }
  const wantsKeys = given("API_KEYS") !== "" || file !== "";
  const isOpen = given("ALLOW_ANONYMOUS") === "1";
  if (wantsKeys && isOpen) {
    problems.push("ALLOW_ANONYMOUS=1 lets everybody in, API keys do not: only one of them may be set.");
  }
  if (!wantsKeys && !isOpen && !isLoopback(given("HOST") || "127.0.0.1")) {
    problems.push(
      "HOST can be reached from other machines, and anybody there could do everything: set API_KEYS (`bun run key NAME read+submit` makes one), or ALLOW_ANONYMOUS=1 if that is what you want.",
    );
  }
  const names = [...given("ALLOWED_HOSTS").split(","), given("PUBLIC_URL").replace(/^https?:\/\//, "")]
    .map((text) => /^[^/]*/.exec(text.trim())?.[0] ?? "")
    .filter((name) => name !== "");
  if (!names.every((name) => URL.canParse(`http://${name}`))) {
    problems.push("ALLOWED_HOSTS and PUBLIC_URL must have valid host names.");
  }
  if (problems.length > 0) return { kind: "wrong", problems };
  // Where any client may do everything, or needs a key, the name that it uses protects nothing.
  if (wantsKeys || isOpen) return { kind: "loaded", keys, allowedHosts: "any" };
  const allowedHosts = new Set(names.map((name) => new URL(`http://${name}`).hostname));
  return { kind: "loaded", keys, allowedHosts };
}

/** For `settingsOrExit`, which names these mistakes together with all others. */
export function accessProblems(env: AccessEnvironment): string[] {
  const loaded = loadAccess(env);
  return loaded.kind === "wrong" ? loaded.problems : [];
}

function keysOfFile(file: string, readFile: (path: string) => string) {
  try {
    const read = readKeys(readFile(file), "API_KEYS_FILE");
    if (read.keys.length + read.problems.length > 0) return read;
    return { keys: [], problems: ["API_KEYS_FILE: there is no key in it, so nobody could come in."] };
  } catch {
    return { keys: [], problems: ["API_KEYS_FILE must be a file that can be read."] };
  }
}

/** Whether only this machine can reach it. Any other name counts as reachable, whatever it stands for today. */
export function isLoopback(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/.test(host.toLowerCase());
}

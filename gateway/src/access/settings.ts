import { readFileSync } from "node:fs";
import type { accessSettings } from "@sate/contracts";
import { type ApiKey, readKeys } from "./api-keys.ts";
import type { AllowedHosts } from "./hosts.ts";

type AccessEnvironment = { [name in "HOST" | keyof typeof accessSettings]?: string | undefined };

type LoadedAccess =
  | { kind: "loaded"; keys: ApiKey[]; allowedHosts: AllowedHosts }
  | { kind: "wrong"; problems: string[] };

/**
 * The keys, or none if no key is required, and the hosts that are then served; or every problem, a sentence each,
 * without values.
 */
export function loadAccess(
  env: AccessEnvironment,
  readFile: (path: string) => string = (path) => readFileSync(path, "utf8"),
): LoadedAccess {
  const given = (name: keyof AccessEnvironment) => env[name]?.trim() ?? "";
  const keys: ApiKey[] = [];
  const problems: string[] = [];
  function take(source: string, text: string): void {
    const read = readKeys(text, source);
    keys.push(...read.keys);
    problems.push(...read.problems);
    if (read.keys.length + read.problems.length > 0) return;
    problems.push(`${source} contains no key, so no client would have access.`);
  }

  const list = given("API_KEYS");
  const file = given("API_KEYS_FILE");
  const requiresKeys = list !== "" || file !== "";
  const isOpen = given("ALLOW_ANONYMOUS") === "1";
  if (list !== "") take("API_KEYS", list);
  if (file !== "") {
    try {
      take("API_KEYS_FILE", readFile(file));
    } catch {
      problems.push("API_KEYS_FILE must be a readable file.");
    }
  }
  if (list !== "" && file !== "") problems.push("API_KEYS and API_KEYS_FILE: only one of them may be set.");
  if (requiresKeys && isOpen) {
    problems.push("ALLOW_ANONYMOUS=1 contradicts API_KEYS and API_KEYS_FILE: only one of them may be set.");
  }
  if (!requiresKeys && !isOpen && !isLoopback(given("HOST") || "127.0.0.1")) {
    problems.push(
      "HOST is not a loopback address, so clients on other machines could do everything: set API_KEYS (`bun run key NAME read+submit` creates a key), or ALLOW_ANONYMOUS=1 if that is what you want.",
    );
  }
  const names = [...given("ALLOWED_HOSTS").split(","), given("PUBLIC_URL").replace(/^https?:\/\//, "")]
    .map((text) => /^[^/]*/.exec(text.trim())?.[0] ?? "")
    .filter((name) => name !== "");
  if (!names.every((name) => URL.canParse(`http://${name}`))) {
    problems.push("ALLOWED_HOSTS and PUBLIC_URL must contain valid host names.");
  }
  if (problems.length > 0) return { kind: "wrong", problems };
  // If every client may do everything, or needs a key, the name that it uses protects nothing.
  if (requiresKeys || isOpen) return { kind: "loaded", keys, allowedHosts: "any" };
  const allowedHosts = new Set(names.map((name) => new URL(`http://${name}`).hostname));
  return { kind: "loaded", keys, allowedHosts };
}

/** For `settingsOrExit`, which reports these problems together with all others. */
export function accessProblems(env: AccessEnvironment): string[] {
  const loaded = loadAccess(env);
  return loaded.kind === "wrong" ? loaded.problems : [];
}

/** Whether only this machine can reach `host`. Any other name counts as reachable, whatever it resolves to today. */
export function isLoopback(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/.test(host.toLowerCase());
}

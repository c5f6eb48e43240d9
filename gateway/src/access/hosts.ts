import { Refusal } from "../http/problem-response.ts";
import { isLoopback } from "./settings.ts";

/** Names that clients may use for this server, in addition to loopback names; `any` if it does not matter. */
export type AllowedHosts = "any" | ReadonlySet<string>;

type HostRules = { hasKeys: boolean; allowedHosts: AllowedHosts; publicUrl?: string | undefined };

/**
 * Refuses requests whose Host is malformed and, without API keys, requests of other sites' pages in the browser of a
 * user who can reach this server: with a name that the site has bound to its address (DNS rebinding), or with the
 * site's Origin.
 */
export function createHostCheck({ hasKeys, allowedHosts, publicUrl }: HostRules) {
  const publicOrigin = publicUrl ? new URL(publicUrl).origin : undefined;

  function isOwnOrigin(origin: string, host: string): boolean {
    if (origin === publicOrigin) return true;
    if (!URL.canParse(origin)) return false;
    const { host: ofOrigin, hostname } = new URL(origin);
    return ofOrigin === host || (allowedHosts !== "any" && allowedHosts.has(hostname));
  }

  return ({ url, headers }: Request): void => {
    // Bun's URL of a request has no host if Host is missing or malformed. HTTP requires 400 then, and for two of them:
    // https://www.rfc-editor.org/rfc/rfc9112#section-3.2
    if (!URL.canParse(url) || headers.get("host")?.includes(",")) {
      throw new Refusal(
        "malformed-host",
        "The Host header is missing, repeated or invalid. Send one with the name or address of this server.",
      );
    }
    // Pages of other sites can do nothing: browsers do not send the key for them.
    if (hasKeys) return;
    const { host, hostname } = new URL(url);
    if (allowedHosts !== "any" && !isLoopback(hostname) && !allowedHosts.has(hostname)) {
      throw new Refusal(
        "host-not-allowed",
        "Without API keys this server only serves loopback names. To serve this name, add it to ALLOWED_HOSTS, or set PUBLIC_URL.",
      );
    }
    const origin = headers.get("origin");
    if (origin !== null && !isOwnOrigin(origin, host)) {
      throw new Refusal(
        "origin-not-allowed",
        "Without API keys this server refuses requests from pages of other sites. If the site is yours, add its name to ALLOWED_HOSTS, or set PUBLIC_URL to the URL of this server.",
      );
    }
  };
}

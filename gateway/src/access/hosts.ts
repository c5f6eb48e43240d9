import { Refusal } from "../http/problem-response.ts";
import { isLoopback } from "./settings.ts";

/** Names, beside loopback ones, that clients may use for this server; `any` where it does not matter. */
export type AllowedHosts = "any" | ReadonlySet<string>;

export type HostRules = {
  /** Where clients need keys, a page of another site can do nothing: a browser does not give it the key. */
  hasKeys: boolean;
  allowedHosts: AllowedHosts;
  publicUrl?: string | undefined;
};

/**
 * Refuses a request whose Host is malformed, and without API keys, what pages of other sites send through the browser
 * of somebody who may reach this server: under a name of their own that they have bound to its address (DNS
 * rebinding), or with their Origin.
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
    // Bun's address of a request has no host where Host is missing or malformed. HTTP asks for 400 in these cases, and
    // for two of them: https://www.rfc-editor.org/rfc/rfc9112#section-3.2
    if (!URL.canParse(url) || headers.get("host")?.includes(",")) {
      throw new Refusal("malformed-host", "Send one header Host with the name or address of this server.");
    }
    if (hasKeys) return;
    const { host, hostname } = new URL(url);
    if (allowedHosts !== "any" && !isLoopback(hostname) && !allowedHosts.has(hostname)) {
      throw new Refusal(
        "host-not-allowed",
        "Without API keys this server only serves loopback names. To serve this one, set ALLOWED_HOSTS or PUBLIC_URL.",
      );
    }
    const origin = headers.get("origin");
    if (origin !== null && !isOwnOrigin(origin, host)) {
      throw new Refusal(
        "origin-not-allowed",
        "Pages of other sites are not served. If this one is yours, set PUBLIC_URL to the address of this server, or ALLOWED_HOSTS.",
      );
    }
  };
}

import { type ApiKey, allows, isSameSecret, keyOf, type Scope } from "./api-keys.ts";
import type { Log } from "./log.ts";
import { Refusal } from "./refusal.ts";

export type AccessOptions = {
  /** None: whoever reaches the gateway may do everything. */
  keys: readonly ApiKey[];
  /** Lets the health check of whoever runs the services ask /ready, and nothing else. */
  serviceToken?: string | undefined;
  log: Log;
};

/** Lets a request come in, or throws the refusal. `requestId` is for the log, which says whose key acted. */
export type Access = (request: Request, requestId: string) => void;

/**
 * What an address asks of a key: nothing of /live, any key of /ready. It follows from method and address
 * alone, before any route is looked for, so a route that is new, or that there is not, is never open. Where the
 * router may go another way than the address says (""), it could be to anything.
 */
export function scopeWanted(method: string, pathname: string): Scope | "any" | "none" {
  if (pathname === "") return "admin";
  if (pathname === "/live") return "none";
  if (pathname === "/ready") return "any";
  if (pathname === "/metrics") return "admin";
  return method === "GET" || method === "HEAD" ? "read" : "submit";
}

export function createAccess({ keys, serviceToken, log }: AccessOptions): Access {
  if (keys.length === 0) return () => {};
  return (request, requestId) => {
    const pathname = routedPath(request.url);
    const wanted = scopeWanted(request.method, pathname);
    if (wanted === "none") return;
    const given = bearerOf(request.headers.get("authorization"));
    if (given === undefined) throw unauthorized("Send an API key: Authorization: Bearer <key>.", "");
    if (wanted === "any" && serviceToken !== undefined && isSameSecret(given, serviceToken)) return;
    const key = keyOf(given, keys);
    if (key === undefined) throw unauthorized("This API key is not known here.", ', error="invalid_token"');
    const { method } = request;
    const acted = { key: key.name, method, path: pathname.slice(0, pathMax), request_id: requestId };
    if (wanted !== "any" && !allows(key, wanted)) {
      log.warn("a key was refused: it has not the scope", acted);
      throw forbidden(wanted);
    }
    if (wanted === "submit") log.info("a key acted", acted);
    else log.debug("a key acted", acted);
  };
}

/** The router looks for the path behind the eleventh character, whatever stands before it. */
const originCharsMin = "http://".length + 4;

/**
 * The path that the router will go by. "" where the client has given itself so short a Host that the router takes
 * a part of the path or of the query for it: `/live?/metrics` with `Host: x` leads to /metrics.
 */
function routedPath(url: string): string {
  const at = url.indexOf("/", url.indexOf("://") + 3);
  return at < originCharsMin ? "" : (/^[^?#]*/.exec(url.slice(at))?.[0] ?? "");
}

/** Characters of an address in the log; ours have less. */
const pathMax = 200;

/** https://www.rfc-editor.org/rfc/rfc6750#section-2.1 */
function bearerOf(header: string | null): string | undefined {
  return /^bearer +([A-Za-z0-9._~+/=-]+) *$/i.exec(header ?? "")?.[1];
}

/** https://www.rfc-editor.org/rfc/rfc6750#section-3 */
function challenge(rest: string): Record<string, string> {
  return { "www-authenticate": `Bearer realm="sate"${rest}` };
}

function unauthorized(detail: string, rest: string): Refusal {
  return new Refusal("unauthorized", detail, {}, challenge(rest));
}

function forbidden(scope: Scope): Refusal {
  const rest = `, error="insufficient_scope", scope="${scope}"`;
  return new Refusal("forbidden", `This API key has not the scope ${scope}.`, {}, challenge(rest));
}

import { Refusal } from "../http/problem-response.ts";
import type { Log } from "../runtime/log.ts";
import { type ApiKey, allows, isSameSecret, keyOf, type Scope } from "./api-keys.ts";

/** What a route requires of a key: a scope, or `none`. */
export type RequiredScope = Scope | "none";

export type AccessOptions = {
  /** None: every client may do everything. */
  keys: readonly ApiKey[];
  /** The services' own token; it opens nothing but the reasons of /ready. */
  serviceToken?: string | undefined;
  log: Log;
};

export type Caller = {
  request: Request;
  /** For the log, which says whose key was used. */
  requestId: string;
};

export type Access = {
  hasKeys: boolean;
  /** Throws the refusal unless the request has a key with this scope. */
  authorize(scope: RequiredScope, caller: Caller): void;
  /** Throws 401 unless the request has a key, whatever its scopes: for addresses that do not exist. */
  authenticate(caller: Caller): void;
  /** Whether the request may see what is for operators: with any key, with the services' token, or without keys. */
  isTrusted(request: Request): boolean;
};

export function createAccess({ keys, serviceToken, log }: AccessOptions): Access {
  const hasKeys = keys.length > 0;

  function keyFor({ request }: Caller): ApiKey {
    const given = bearerOf(request.headers);
    if (given === undefined) throw unauthorized("Send an API key: Authorization: Bearer <key>.", "");
    const key = keyOf(given, keys);
    if (key === undefined) throw unauthorized("This API key is not known.", ', error="invalid_token"');
    return key;
  }

  return {
    hasKeys,

    authorize(scope, caller) {
      if (!hasKeys || scope === "none") return;
      const key = keyFor(caller);
      if (!allows(key, scope)) throw forbidden(key, scope);
      const { request, requestId } = caller;
      const used = { key: key.name, method: request.method, path: pathOf(request), request_id: requestId };
      // Who created, executed or cancelled something is known at the default level of every deployment.
      if (scope === "submit") log.warn("api key used", used);
      else log.debug("api key used", used);
    },

    authenticate(caller) {
      if (hasKeys) keyFor(caller);
    },

    isTrusted(request) {
      if (!hasKeys) return true;
      const given = bearerOf(request.headers);
      if (given === undefined) return false;
      const isService = serviceToken !== undefined && isSameSecret(given, serviceToken);
      return isService || keyOf(given, keys) !== undefined;
    },
  };
}

/** Characters of an address in the log; ours have fewer. */
const pathCharsMax = 200;

/** The path of a request, for the log. */
export function pathOf({ url }: Request): string {
  return (URL.canParse(url) ? new URL(url).pathname : "").slice(0, pathCharsMax);
}

/** https://www.rfc-editor.org/rfc/rfc6750#section-2.1 */
function bearerOf(headers: Headers): string | undefined {
  return /^bearer +([A-Za-z0-9._~+/=-]+) *$/i.exec(headers.get("authorization") ?? "")?.[1];
}

/** https://www.rfc-editor.org/rfc/rfc6750#section-3 */
function challenge(rest: string): Record<string, string> {
  return { "www-authenticate": `Bearer realm="sate"${rest}` };
}

function unauthorized(detail: string, rest: string): Refusal {
  return new Refusal("unauthorized", detail, {}, challenge(rest));
}

function forbidden({ name }: ApiKey, scope: Scope): Refusal {
  const rest = `, error="insufficient_scope", scope="${scope}"`;
  const detail = `This API key does not have the \`${scope}\` scope.`;
  return new Refusal("forbidden", detail, {}, challenge(rest), { key: name });
}

import type { ProblemName } from "@sate/contracts";
import type { Log } from "@sate/contracts/runtime";
import { Refusal } from "../http/problem-response.ts";
import { type ApiKey, allows, isSameSecret, keyOf, type Scope } from "./api-keys.ts";

/** The scope that a route requires of a key, or `none`. */
export type RequiredScope = Scope | "none";

/**
 * `keys`: without any, every client may do everything. `serviceToken`: the token that services send each other; it only
 * shows the reasons of /ready.
 */
export function createAccess({ keys, serviceToken, log }: AccessOptions) {
  const hasKeys = keys.length > 0;

  function keyFor(request: Request): ApiKey {
    const given = bearerOf(request.headers);
    if (given === undefined) {
      const detail =
        "The request has no API key in the form `Authorization: Bearer <key>`. Send that header.";
      throw refusal("unauthorized", detail, "");
    }
    const key = keyOf(given, keys);
    if (key === undefined) {
      const detail = "This API key is unknown. Check it, or ask the operator of this server for one.";
      throw refusal("unauthorized", detail, ', error="invalid_token"');
    }
    return key;
  }

  return {
    hasKeys,

    /** Throws 401 or 403 unless the request has a key with this scope. */
    authorize(scope: RequiredScope, request: Request, requestId: string): void {
      if (!hasKeys || scope === "none") return;
      const key = keyFor(request);
      if (!allows(key, scope)) {
        const detail = `This API key does not have the \`${scope}\` scope. Use a key that has it.`;
        const error = `, error="insufficient_scope", scope="${scope}"`;
        throw refusal("forbidden", detail, error, { key: key.name });
      }
      const used = { key: key.name, method: request.method, path: pathOf(request), request_id: requestId };
      // At `warn`, so that the default level of every deployment records who created, executed, cancelled, removed or
      // withdrew something. Workers call constantly, so only their registration is recorded, by its route.
      const isRecorded = scope !== "work" && request.method !== "GET" && request.method !== "HEAD";
      if (isRecorded) log.warn("api key used", used);
      else log.debug("api key used", used);
    },

    /** Whether the request may read, whatever scope its route requires. */
    mayRead: (request: Request): boolean => !hasKeys || allows(keyFor(request), "read"),

    /** The key of a request that is authorized; `undefined` if no keys are required. */
    keyOf: (request: Request): ApiKey | undefined => (hasKeys ? keyFor(request) : undefined),

    /** Throws 401 unless the request has a key, whatever its scopes: for paths that do not exist. */
    authenticate(request: Request): void {
      if (hasKeys) keyFor(request);
    },

    /** Whether the request may see what is for operators: with any key or the service token, or if no keys are required. */
    isTrusted(request: Request): boolean {
      if (!hasKeys) return true;
      const given = bearerOf(request.headers);
      if (given === undefined) return false;
      const isService = serviceToken !== undefined && isSameSecret(given, serviceToken);
      return isService || keyOf(given, keys) !== undefined;
    },
  };
}

type AccessOptions = { keys: readonly ApiKey[]; serviceToken?: string | undefined; log: Log };
export type Access = ReturnType<typeof createAccess>;

/** Characters of a path in the log. Those of routes have fewer. */
const pathCharsMax = 200;

/** The path of a request, for the log. */
export function pathOf({ url }: Request): string {
  return (URL.canParse(url) ? new URL(url).pathname : "").slice(0, pathCharsMax);
}

/** https://www.rfc-editor.org/rfc/rfc6750#section-2.1 */
function bearerOf(headers: Headers): string | undefined {
  return /^bearer +([A-Za-z0-9._~+/=-]+) *$/i.exec(headers.get("authorization") ?? "")?.[1];
}

/** With a challenge: https://www.rfc-editor.org/rfc/rfc6750#section-3 */
function refusal(name: ProblemName, detail: string, error: string, logged = {}): Refusal {
  return new Refusal(name, detail, {}, { "www-authenticate": `Bearer realm="sate"${error}` }, logged);
}

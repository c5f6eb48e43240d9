import { createHash } from "node:crypto";
import type { IdempotencyKey } from "@sate/contracts";
import type { Access } from "../access/authorize.ts";
import { Refusal } from "./problem-response.ts";

/**
 * Creates the function that reads the Idempotency-Key of a call; `undefined` if it has none. The key is scoped to one API
 * key and one `route`, which includes the resource. Throws a `Refusal` if the key is malformed.
 * https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-idempotency-key-header-07
 */
export function createIdempotencyKeys({ keyOf }: Pick<Access, "keyOf">) {
  return (request: Request, route: readonly string[], body: object): IdempotencyKey | undefined => {
    const given = request.headers.get("idempotency-key");
    if (given === null) return undefined;
    const key = parseKey(given);
    if (key === null) throw malformed();
    const caller = keyOf(request)?.name ?? null;
    return { hash: hashOf([caller, route, key]), body_hash: hashOf(Object.entries(body).toSorted(byName)) };
  };
}

export type IdempotencyKeys = ReturnType<typeof createIdempotencyKeys>;

const keyCharsMax = 255;

/** 1 to 255 visible ASCII characters, bare or as a string of RFC 8941. */
export const keyPattern = `^(?:[!#-~][!-~]{0,${keyCharsMax - 1}}|"(?:[!#-\\[\\]-~]|\\\\["\\\\]){1,${keyCharsMax}}")$`;
const keyForm = new RegExp(keyPattern);

/** The key that a header has; `null` if it is malformed. */
export function parseKey(text: string): string | null {
  if (!keyForm.test(text)) return null;
  return text.startsWith('"') ? text.slice(1, -1).replaceAll(/\\(.)/g, "$1") : text;
}

function malformed(): Refusal {
  return new Refusal(
    "invalid-parameter",
    `The Idempotency-Key header is malformed. Send 1 to ${keyCharsMax} visible ASCII characters, bare or in double quotes, once.`,
    { field: "Idempotency-Key" },
  );
}

/** The fields of a body in any order are the same body. */
function byName([a]: [string, unknown], [b]: [string, unknown]): number {
  return a < b ? -1 : 1;
}

function hashOf(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex");
}

/** The headers that mark a response as the replay of an earlier call with the same Idempotency-Key. */
export const replayed = (isReplay: boolean): Record<string, string> =>
  isReplay ? { "idempotency-replayed": "true" } : {};

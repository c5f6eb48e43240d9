import { limits, uuidPattern } from "@sate/contracts";
import { Refusal } from "./refusal.ts";

export type Query = Partial<Record<string, string>>;

/** The query of an address that knows exactly these parameters, each of them given at most once. */
export function readQuery(url: string, known: readonly string[]): Query {
  const query: Query = {};
  for (const [name, value] of new URL(url).searchParams) {
    if (!known.includes(name)) {
      const names = known.length === 0 ? "no parameters" : `only ${known.join(" and ")}`;
      throw invalid(name, `A parameter is not known; this address has ${names}.`);
    }
    if (query[name] !== undefined) throw invalid(name, "A parameter is given twice; give it once.");
    query[name] = value;
  }
  return query;
}

export const pageParameters = ["limit", "cursor"] as const;

/** The size of a page: digits, from 1 to the greatest page. */
export function limitOf({ limit }: Query, byDefault: number): number {
  if (limit === undefined) return byDefault;
  const value = /^[1-9][0-9]{0,3}$/.test(limit) ? Number(limit) : 0;
  if (value >= 1 && value <= limits.pageMax) return value;
  throw invalid("limit", `limit must be a whole number from 1 to ${limits.pageMax}.`);
}

/**
 * Cursors are opaque to clients, who get them from us and give them back. They are not secret: what one
 * holds is checked like any other input.
 */
export const cursors = {
  /** The last request of a page. */
  ofRequest: (id: string) => encoded(`r:${id}`),
  /** The last attempt of a page. */
  ofAttempt: (attempt: number) => encoded(`a:${attempt}`),
};

const requestCursor = new RegExp(`^r:(${uuidPattern.slice(1, -1)})$`);
const attemptCursor = /^a:([1-9][0-9]{0,3})$/;

export function requestCursorOf({ cursor }: Query): string | undefined {
  return cursor === undefined ? undefined : decoded(cursor, requestCursor);
}

export function attemptCursorOf({ cursor }: Query): number | undefined {
  return cursor === undefined ? undefined : Number(decoded(cursor, attemptCursor));
}

function encoded(text: string): string {
  return Buffer.from(text).toString("base64url");
}

const cursorCharsMax = 64;

function decoded(cursor: string, form: RegExp): string {
  const text = cursor.length > cursorCharsMax ? "" : Buffer.from(cursor, "base64url").toString("latin1");
  const value = form.exec(text)?.[1];
  // Decoding is lenient, so only what we would have written ourselves is good.
  if (value === undefined || encoded(text) !== cursor) {
    throw invalid(
      "cursor",
      "The cursor is not one that this list gave. Follow next_uri, or begin without one.",
    );
  }
  return value;
}

/** Names of parameters are only told back when they are harmless in any log or page. */
function invalid(name: string, detail: string): Refusal {
  return new Refusal("invalid-parameter", detail, isPlainName(name) ? { field: name } : {});
}

export function isPlainName(name: string): boolean {
  return /^[A-Za-z0-9_.$[\]-]{1,64}$/.test(name);
}

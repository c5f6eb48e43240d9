import { limits, uuidPattern } from "@sate/contracts";
import { type TObject, type TSchema, Type } from "@sinclair/typebox";
import type { ValueError } from "@sinclair/typebox/errors";
import { Refusal } from "./problem-response.ts";

const closed = { additionalProperties: false } as const;

/** The parameters of an address that has none. */
export const NoQuery = Type.Object({}, closed);

/** The parameters of a list. */
export const pageQuery = (limitDefault: number) =>
  Type.Object(
    {
      limit: Type.Integer({
        minimum: 1,
        maximum: limits.pageMax,
        default: limitDefault,
        description: "Entries of a page",
      }),
      cursor: Type.Optional(
        Type.String({ description: "Where the page begins, as in next_uri. Empty: at the beginning." }),
      ),
    },
    closed,
  );

/**
 * The parameters of a query, for the schema of the route to check: numbers as numbers, everything else as text.
 * Throws where a parameter is unknown or given twice, of which Elysia would silently take the last.
 */
export function readQuery(url: string, { properties }: TObject): Record<string, string | number> {
  const query: Record<string, string | number> = Object.create(null);
  const start = url.indexOf("?");
  if (start < 0) return query;
  for (const [name, value] of new URLSearchParams(url.slice(start + 1))) {
    const schema = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (schema === undefined) throw unknownParameter(name, Object.keys(properties));
    if (Object.hasOwn(query, name)) throw invalid(name, "A parameter is given twice; give it once.");
    query[name] = schema.type === "integer" ? integer(name, value, schema) : value;
  }
  return query;
}

/** Why a query does not match the schema of its route. */
export function invalidQuery({ path, schema }: ValueError): Refusal {
  const name = path.slice(1);
  return invalid(name, mustBe(name, schema));
}

function integer(name: string, text: string, schema: TSchema): number {
  if (/^(0|-?[1-9][0-9]{0,8})$/.test(text)) return Number(text);
  throw invalid(name, mustBe(name, schema));
}

function mustBe(name: string, { minimum, maximum }: TSchema): string {
  return `${name} must be a whole number from ${minimum} to ${maximum}.`;
}

function unknownParameter(name: string, known: string[]): Refusal {
  const names = known.length === 0 ? "no parameters" : `only ${known.join(" and ")}`;
  return invalid(name, `A parameter is not known; this address has ${names}.`);
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

/** The request after which a page begins; without a cursor, or with an empty one, `undefined`. */
export function requestCursorOf(cursor = ""): string | undefined {
  return cursor === "" ? undefined : decoded(cursor, requestCursor);
}

/** The attempt after which a page begins; without a cursor, or with an empty one, 0. */
export function attemptCursorOf(cursor = ""): number {
  return cursor === "" ? 0 : Number(decoded(cursor, attemptCursor));
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
      "The cursor is not one that this list returned. Follow next_uri, or begin without one.",
    );
  }
  return value;
}

/** Names of parameters are only repeated when they are harmless in any log or page. */
function invalid(name: string, detail: string): Refusal {
  return new Refusal("invalid-parameter", detail, isPlainName(name) ? { field: name } : {});
}

export function isPlainName(name: string): boolean {
  return /^[A-Za-z0-9_.$[\]-]{1,64}$/.test(name);
}

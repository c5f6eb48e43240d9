/**
 * Payloads and outputs are opaque: what a client reads is, byte for byte, what was sent. Parsing and serializing
 * would change numbers (`1e400`, `9007199254740993`), key order (`"2","1"`) and repeated keys. So they travel as
 * JSON text, and this module extracts them from larger JSON texts and embeds them in others.
 */

/** A complete JSON value (RFC 8259) as text. */
export type JsonText = string;

type JsonReading =
  | { kind: "read"; text: JsonText; value: unknown }
  /** Not UTF-8. */
  | { kind: "bad_encoding" }
  | { kind: "too_deep" }
  | { kind: "not_json" };

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const quote = 0x22;
const backslash = 0x5c;

/**
 * Decodes and checks a JSON text from outside. `value` is what `JSON.parse` makes of it: good for checking it, not for
 * passing it on. A byte order mark is not JSON. Never throws.
 */
export function readJson(bytes: Uint8Array, nestingMax: number): JsonReading {
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch {
    return { kind: "bad_encoding" };
  }
  // Before parsing: the parser recurses, and 200,000 brackets would overflow its stack.
  if (isDeeperThan(text, nestingMax)) return { kind: "too_deep" };
  try {
    return { kind: "read", text, value: JSON.parse(text) };
  } catch {
    return { kind: "not_json" };
  }
}

/**
 * The members of a valid JSON object's text, in order, each key decoded and each value as its own text; `null` for any
 * other value. Keys may repeat.
 */
export function jsonMembers(text: JsonText): { key: string; value: JsonText }[] | null {
  const members: { key: string; value: JsonText }[] = [];
  const end = eachMember(text, skipSpace(text, 0), (key, start) => {
    const valueEnds = valueEnd(text, start);
    members.push({ key, value: text.slice(start, valueEnds) });
    return valueEnds;
  });
  return end === null ? null : members;
}

/** The items of a valid JSON array's text, in order, each as its own text; `null` for any other value. */
export function jsonItems(text: JsonText): JsonText[] | null {
  const items: JsonText[] = [];
  let at = skipSpace(text, 0);
  if (text[at] !== "[") return null;
  at = skipSpace(text, at + 1);
  while (text[at] !== "]") {
    const end = valueEnd(text, at);
    items.push(text.slice(at, end));
    at = skipSpace(text, end);
    if (text[at] === ",") at = skipSpace(text, at + 1);
  }
  return items;
}

/**
 * The texts of the values at several paths inside a valid JSON text, found in one pass. A path that leads nowhere is
 * absent from the result. The last of repeated keys counts, as for `JSON.parse`.
 */
export function jsonAt<Name extends string>(
  text: JsonText,
  paths: Record<Name, readonly string[]>,
): Partial<Record<Name, JsonText>> {
  const found: Partial<Record<Name, JsonText>> = {};
  findAt(text, skipSpace(text, 0), 0, Object.entries(paths) as [Name, readonly string[]][], found);
  return found;
}

/** Adds to `found` what the paths, from their key number `depth` on, lead to in the value at `start`. Returns its end. */
function findAt<Name extends string>(
  text: string,
  start: number,
  depth: number,
  paths: [Name, readonly string[]][],
  found: Partial<Record<Name, JsonText>>,
): number {
  if (paths.length === 0) return valueEnd(text, start);
  for (const [name] of paths) delete found[name]; // it was found under an earlier, repeated key
  const isLongerPath = ([, path]: [Name, readonly string[]]) => path.length > depth;
  const memberEnds = (key: string, at: number) => {
    const below = paths.filter(([, path]) => path[depth] === key);
    return findAt(text, at, depth + 1, below, found);
  };
  const objectEnd = paths.some(isLongerPath) ? eachMember(text, start, memberEnds) : null;
  const end = objectEnd ?? valueEnd(text, start);
  for (const [name, path] of paths) {
    if (path.length === depth) found[name] = text.slice(start, end);
  }
  return end;
}

/**
 * An object's text from its members' texts; members that are `undefined` are omitted. Keys are names from our code and
 * are written as they are: they must not need escaping.
 */
export function jsonObject(members: Record<string, JsonText | undefined>): JsonText {
  let text = "";
  for (const key in members) {
    const value = members[key];
    if (value !== undefined) text += `${text === "" ? "" : ","}"${key}":${value}`;
  }
  return `{${text}}`;
}

/** One of our own values as JSON text; `undefined` stays so. Not for payloads and outputs, which stay text. */
export function toJson(value: string | number | boolean | null | object): JsonText;
export function toJson(value: string | number | boolean | null | object | undefined): JsonText | undefined;
export function toJson(value: unknown): JsonText | undefined {
  return JSON.stringify(value);
}

function isDeeperThan(text: string, nestingMax: number): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === quote) at = stringEnd(text, at) - 1;
    else if (code === 0x7b || code === 0x5b) {
      if (++depth > nestingMax) return true;
    } else if (code === 0x7d || code === 0x5d) depth--;
  }
  return false;
}

/**
 * Calls `visit` with each member of the object at `start`: its key and where its value starts. `visit` returns where
 * the value ends. Returns the end of the object, or `null` if the value at `start` is not one.
 */
function eachMember(
  text: string,
  start: number,
  visit: (key: string, valueStart: number) => number,
): number | null {
  if (text[start] !== "{") return null;
  let at = skipSpace(text, start + 1);
  while (text[at] !== "}") {
    const keyEnd = stringEnd(text, at);
    const valueStart = skipSpace(text, skipSpace(text, keyEnd) + 1);
    at = skipSpace(text, visit(unescaped(text.slice(at + 1, keyEnd - 1)), valueStart));
    if (text[at] === ",") at = skipSpace(text, at + 1);
  }
  return at + 1;
}

/** The string whose text between its quotes is `inner`. */
function unescaped(inner: string): string {
  return inner.includes("\\") ? JSON.parse(`"${inner}"`) : inner;
}

/** The end of the string that starts at `at`, or of the text if the string never ends. */
function stringEnd(text: string, at: number): number {
  let end = at;
  do {
    end = text.indexOf('"', end + 1);
    if (end < 0) return text.length;
  } while (isEscaped(text, end));
  return end + 1;
}

function isEscaped(text: string, at: number): boolean {
  let first = at;
  while (text.charCodeAt(first - 1) === backslash) first--;
  return (at - first) % 2 === 1;
}

function valueEnd(text: string, start: number): number {
  const first = text.charCodeAt(start);
  if (first === quote) return stringEnd(text, start);
  if (first !== 0x7b && first !== 0x5b) return scalarEnd(text, start);
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === quote) at = stringEnd(text, at) - 1;
    else if (code === 0x7b || code === 0x5b) depth++;
    else if ((code === 0x7d || code === 0x5d) && --depth === 0) return at + 1;
  }
  return text.length;
}

function scalarEnd(text: string, start: number): number {
  let at = start;
  while (at < text.length && !",]} \t\r\n".includes(text[at] as string)) at++;
  return at;
}

function skipSpace(text: string, start: number): number {
  let at = start;
  for (;;) {
    const code = text.charCodeAt(at);
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return at;
    at++;
  }
}

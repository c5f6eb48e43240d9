/**
 * Payloads and outputs are opaque: what a client reads is, byte for byte, what was sent. Parsing and
 * printing would change numbers (`1e400`, `9007199254740993`), key order (`"2","1"`) and repeated keys, so
 * they travel as JSON text, and this module cuts them out of and puts them into larger JSON texts.
 */

/** A complete JSON value (RFC 8259) as text. */
export type JsonText = string;

export type JsonReading =
  | { kind: "read"; text: JsonText }
  /** Not UTF-8. */
  | { kind: "bad_encoding" }
  | { kind: "too_deep" }
  | { kind: "not_json" };

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const quote = 0x22;
const backslash = 0x5c;

/** Decodes and checks a JSON text that came from outside. A byte order mark is not JSON. Never throws. */
export function readJson(bytes: Uint8Array, nestingMax: number): JsonReading {
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch {
    return { kind: "bad_encoding" };
  }
  // Depth first: the parser's own recursion must never meet 200,000 brackets.
  if (isDeeperThan(text, nestingMax)) return { kind: "too_deep" };
  try {
    JSON.parse(text);
  } catch {
    return { kind: "not_json" };
  }
  return { kind: "read", text };
}

/** The members of a valid JSON object's text, in order, each key decoded and each value as its own text; `null` for any other value. A key may come twice. */
export function jsonMembers(text: JsonText): { key: string; value: JsonText }[] | null {
  let at = skipSpace(text, 0);
  if (text[at] !== "{") return null;
  const members: { key: string; value: JsonText }[] = [];
  at = skipSpace(text, at + 1);
  while (text[at] !== "}") {
    const keyEnd = stringEnd(text, at);
    const key = JSON.parse(text.slice(at, keyEnd)) as string;
    const valueStart = skipSpace(text, skipSpace(text, keyEnd) + 1);
    const end = valueEnd(text, valueStart);
    members.push({ key, value: text.slice(valueStart, end) });
    at = skipSpace(text, end);
    if (text[at] === ",") at = skipSpace(text, at + 1);
  }
  return members;
}

/** The text of the value at `path` inside a valid JSON text, or `undefined`. Of a repeated key the last counts, as for `JSON.parse`. */
export function jsonAt(text: JsonText, ...path: string[]): JsonText | undefined {
  let current: JsonText | undefined = text;
  for (const key of path) {
    if (current === undefined) return undefined;
    current = jsonMembers(current)?.findLast((member) => member.key === key)?.value;
  }
  return current;
}

/** An object's text from its members' texts; members that are `undefined` are left out. */
export function jsonObject(members: Record<string, JsonText | undefined>): JsonText {
  const parts: string[] = [];
  for (const [key, value] of Object.entries(members)) {
    if (value !== undefined) parts.push(`${JSON.stringify(key)}:${value}`);
  }
  return `{${parts.join(",")}}`;
}

/** A value of our own as JSON text. */
export function toJson(value: string | number | boolean | null | object): JsonText {
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

/** Just past the string that opens at `at`; the text's end if it never closes. */
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

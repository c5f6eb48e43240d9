import * as fc from "fast-check";

/**
 * Any JSON text as RFC 8259 has it: white space, numbers, escapes and repeated keys that a printer would never
 * write. Made from the grammar, and not by printing values, which would leave out just those.
 */

const space = fc.string({ unit: fc.constantFrom(" ", "\t", "\n", "\r"), maxLength: 3 });
const digits = fc.string({ unit: fc.constantFrom(..."0123456789"), minLength: 1, maxLength: 25 });
const maybe = (text: fc.Arbitrary<string>) => fc.oneof(fc.constant(""), text);

const number = fc
  .tuple(
    fc.constantFrom("", "-"),
    fc.oneof(fc.constant("0"), fc.tuple(fc.constantFrom(..."123456789"), maybe(digits)).map(joined)),
    maybe(digits.map((text) => `.${text}`)),
    maybe(fc.tuple(fc.constantFrom("e", "E", "e+", "e-", "E-"), digits).map(joined)),
  )
  .map(joined);

/** Any character that may stand in a string as it is. Half of a pair cannot be sent as UTF-8. */
const plain = fc
  .string({ unit: "binary", minLength: 1, maxLength: 1 })
  .filter((one) => one >= " " && one !== '"' && one !== "\\" && one.isWellFormed());
const escaped = fc.oneof(
  fc.constantFrom('\\"', "\\\\", "\\/", "\\b", "\\f", "\\n", "\\r", "\\t"),
  fc
    .string({ unit: fc.constantFrom(..."0123456789abcdefABCDEF"), minLength: 4, maxLength: 4 })
    .map((hex) => `\\u${hex}`),
);
const meaningful = [
  "__proto__",
  "constructor",
  "$where",
  "a.b",
  "toJSON",
  "then",
  "length",
  "2",
  "1",
  "payload",
  "",
];

export const jsonString: fc.Arbitrary<string> = fc
  .oneof(
    fc.constantFrom(...meaningful),
    fc.string({ unit: fc.oneof(plain, escaped), maxLength: 12 }),
    fc.string({ unit: fc.constantFrom("{", "}", "[", "]", ":", ",", '\\"', "\\\\"), maxLength: 8 }),
  )
  .map((text) => `"${text}"`);

const { value } = fc.letrec<{ value: string; list: string; object: string }>((tie) => {
  const spaced = fc.tuple(space, tie("value"), space).map(joined);
  const member = fc.tuple(space, jsonString, space, fc.constant(":"), spaced).map(joined);
  const within = (open: string, items: fc.Arbitrary<string>, close: string) =>
    fc
      .oneof(
        space,
        fc.array(items, { minLength: 1, maxLength: 5 }).map((all) => all.join(",")),
      )
      .map((inner) => `${open}${inner}${close}`);
  return {
    list: within("[", spaced, "]"),
    object: within("{", member, "}"),
    value: fc.oneof(
      { maxDepth: 6, depthSize: "small" },
      fc.oneof(number, jsonString, fc.constantFrom("true", "false", "null")),
      tie("list"),
      tie("object"),
    ),
  };
});

/** White space around a value belongs to whatever it stands in, so there is none. */
export const jsonValue: fc.Arbitrary<string> = value;

/** A JSON value nested so deep and no deeper than `nestingMax`: a value of the grammar within lists and objects. */
export function jsonValueOfDepth(nestingMax: number): fc.Arbitrary<string> {
  return fc
    .tuple(value, fc.array(fc.boolean(), { maxLength: nestingMax, size: "max" }))
    .map(([inner, layers]) =>
      layers
        .slice(0, nestingMax - depthOf(inner))
        .reduce((text, isList) => (isList ? `[${text}]` : `{"a":${text}}`), inner),
    );
}

export const jsonSpace: fc.Arbitrary<string> = space;

/** A key or value as text, with any of its plain letters escaped. */
export function spelled(word: string): fc.Arbitrary<string> {
  const letters = [...word].map((letter) => {
    const hex = letter.charCodeAt(0).toString(16).padStart(4, "0");
    return fc.constantFrom(letter, letter, letter, `\\u${hex}`);
  });
  return fc.tuple(...letters).map((parts) => `"${parts.join("")}"`);
}

/** A text with a piece cut out, put in or doubled somewhere: often no JSON any more, sometimes other JSON. */
export function damaged(text: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const piece = fc.oneof(
    fc.constantFrom(...'{}[],:"\\-+.eE0 \n', "NaN", "//", "'", "\u0000", "\ufeff"),
    fc.string({ maxLength: 3 }),
  );
  return fc.tuple(text, fc.nat(), fc.nat(3), piece).map(([whole, at, length, put]) => {
    const start = at % (whole.length + 1);
    return (whole.slice(0, start) + put + whole.slice(start + length)).toWellFormed();
  });
}

/** How deep a JSON text is nested: told in the other way than the one that is tested, by its strings taken out first. */
export function depthOf(text: string): number {
  let depth = 0;
  let most = 0;
  for (const one of text.replace(/"(?:[^"\\]|\\.)*"/gs, "")) {
    if (one === "[" || one === "{") most = Math.max(most, ++depth);
    if (one === "]" || one === "}") depth--;
  }
  return most;
}

function joined(parts: string[]): string {
  return parts.join("");
}

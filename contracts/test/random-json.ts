/** Random numbers from 0 to 1, the same for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const spaces = ["", "", "", " ", "\n", "\t", "\r\n", "   "];
const scalars = [
  ..."0 -0 1e400 -1E-400 9007199254740993 0.1000 1e+2 true false null".split(" "),
  "123456789012345678901234567890.5",
];
/** Texts between the quotes of a string. */
const strings = [
  "",
  "a",
  "__proto__",
  "constructor",
  "$where",
  "a.b",
  "toJSON",
  "length",
  "2",
  "1",
  "\\u0000",
  "\\ud800",
  "\\uDFFF\\uD83D",
  '\\"',
  "\\\\",
  '\\\\\\"',
  "{[}]",
  ':,"'.replaceAll('"', '\\"'),
  "\u2028é😀",
  "\\/\\b\\f\\n\\r\\t",
  "]]]]",
];

export type RandomJson = {
  /** Any JSON value as text with white space, at most `depth` levels deep. */
  value(depth: number): string;
  /** The text of a string, including its quotes. */
  string(): string;
  space(): string;
  below(end: number): number;
};

export function randomJson(seed: number): RandomJson {
  const random = seededRandom(seed);
  const below = (end: number) => Math.floor(random() * end);
  const one = (from: string[]) => from[below(from.length)] as string;
  const space = () => one(spaces);
  const string = () => `"${Array.from({ length: below(3) }, () => one(strings)).join("") + one(strings)}"`;

  function value(depth: number): string {
    const kind = depth > 0 ? below(4) : below(2);
    if (kind === 0) return one(scalars);
    if (kind === 1) return string();
    const items = Array.from({ length: below(5) }, () => {
      const item = `${space()}${value(depth - 1)}${space()}`;
      return kind === 2 ? item : `${space()}${string()}${space()}:${item}`;
    });
    const inner = items.length > 0 ? items.join(",") : space();
    return kind === 2 ? `[${inner}]` : `{${inner}}`;
  }
  return { value, string, space, below };
}

/** Payloads that clients may send and must receive byte for byte. */
export const hostilePayloads = [
  "9007199254740993",
  "1e400",
  "-0",
  "1e-400",
  `1${"0".repeat(100_000)}`,
  '"\\ud800"',
  '"a\\u0000b"',
  '{"a\\u0000b":1,"":2,"😀":"\u2028"}',
  '{"__proto__":{"admin":true},"constructor":1,"$where":"1","a.b":2,"$ref":3,"_bsontype":"ObjectId","toJSON":4,"then":5,"length":6}',
  '{"2":1,"1":2,"b":3}',
  '{"a":1,"a":2}',
  ' { "spaced" : [ 1 , 2 ] } '.trim(),
  "null",
  "[]",
  `${"[".repeat(63)}${"]".repeat(63)}`,
];

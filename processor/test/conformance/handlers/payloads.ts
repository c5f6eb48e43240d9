import { limits } from "@sate/contracts";

const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;
const letters = (bytes: number) => `"${"x".repeat(bytes - 2)}"`;

/** JSON texts that a careless handling changes. */
export const payloads: Record<string, string> = {
  "an object": '{"text":"one two"}',
  null: "null",
  "numbers beyond 2^53": '{"big":9007199254740993,"small":1.0,"e":1e400,"tiny":1E-400,"minus":-0}',
  "keys that are repeated or numbers": '{"b":1,"a":2,"2":3,"1":4,"a":5,"__proto__":6}',
  "white space": ' {\t"a" : [ 1 ,\r\n 2 ] }'.trim(),
  "all of Unicode": '"ä€😀\u2028\u007f\u200f\ufeff"',
  escapes: '"\\u0000\\ud800\\"\\\\\\/\\u00e4"',
  "the deepest nesting": nested(limits.nestingMax),
  // Leaves room for what some kinds must put around it.
  "a very long text": letters(limits.outputsBytesMax - 64),
};

export const tooDeep = nested(limits.nestingMax + 1);
export const longest = letters(limits.outputsBytesMax);
export const tooLong = letters(limits.outputsBytesMax + 1);

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

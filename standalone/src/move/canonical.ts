import { CryptoHasher } from "bun";

/**
 * The same text for the same record, whichever database it was read from: JSON with object members sorted by name, and
 * `undefined` members omitted.
 */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  members.sort(([one], [other]) => (one < other ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(",")}}`;
}

/** Of texts without line breaks, such as those of `canonical`, in their order. */
export function createDigest() {
  const hasher = new CryptoHasher("sha256");
  return {
    add: (text: string) => void hasher.update(`${text}\n`),
    value: (): string => hasher.digest("hex"),
  };
}

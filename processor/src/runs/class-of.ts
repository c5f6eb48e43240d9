/**
 * The class of a thrown value, such as `TypeError`, or its type: unlike a message, it cannot hold a secret. Never
 * throws.
 */
export function classOf(thrown: unknown): string {
  try {
    const name: unknown = thrown instanceof Error ? thrown.name : typeof thrown;
    if (typeof name === "string" && /^[A-Za-z0-9_$]{1,60}$/.test(name)) return name;
  } catch {} // a getter or a proxy throws
  return "Error";
}

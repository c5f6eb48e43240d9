const names = ["KAFKA_BROKERS", "REQUESTS_MONGO_URL", "RESULTS_MONGO_URL"] as const;

/** Where the broker and the two databases are, under the names of the services' settings. */
export type Addresses = Record<(typeof names)[number], string>;

export type Given =
  | { kind: "all"; addresses: Addresses }
  | { kind: "none" }
  | { kind: "wrong"; problem: string };

/** Servers that already run and that the environment names: all three or none. */
export function givenAddresses(env: Record<string, string | undefined>): Given {
  const missing = names.filter((name) => !env[name]?.trim());
  if (missing.length === names.length) return { kind: "none" };
  if (missing.length > 0) {
    return {
      kind: "wrong",
      problem: `Set all of ${names.join(", ")}, or none; not set: ${missing.join(", ")}.`,
    };
  }
  return {
    kind: "all",
    addresses: Object.fromEntries(names.map((name) => [name, env[name]?.trim()])) as Addresses,
  };
}

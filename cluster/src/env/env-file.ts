const empty = /^([A-Z][A-Z0-9_]*)=$/gm;

/** The variables of the template that are left empty for a secret. */
export function secretsOf(template: string): string[] {
  return [...template.matchAll(empty)].map(([, name = ""]) => name);
}

/**
 * The template with a new secret wherever it has none, or, where a file exists already, that file with what it lacks;
 * `undefined` when it lacks nothing. Who may use the API is decided by keys or by `ALLOW_ANONYMOUS=1`.
 */
export function completed(
  template: string,
  existing: string | undefined,
  newSecret: (name: string) => string,
): string | undefined {
  const line = (name: string) => `${name}=${newSecret(name)}`;
  if (existing === undefined) return template.replace(empty, (_, name) => line(name));
  const isSet = (name: string) =>
    name === "API_KEYS"
      ? /^(API_KEYS(_FILE)?=\S|ALLOW_ANONYMOUS=1)/m.test(existing)
      : new RegExp(`^${name}=\\S`, "m").test(existing);
  const missing = secretsOf(template).filter((name) => !isSet(name));
  if (missing.length === 0) return undefined;
  return `${existing.trimEnd()}\n\n${missing.map((name) => `${line(name)}\n`).join("")}`;
}

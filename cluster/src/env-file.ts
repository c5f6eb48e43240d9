/** The variables of the template that are left empty for a secret. */
export function secretsOf(template: string): string[] {
  return [...template.matchAll(/^([A-Z][A-Z0-9_]*)=$/gm)].map(([, name = ""]) => name);
}

/** Whether somebody has said who may use the API, keys or everybody: then that is left alone. */
function saysWhoMayComeIn(text: string): boolean {
  return /^(API_KEYS(_FILE)?=\S|ALLOW_ANONYMOUS=1)/m.test(text);
}

/**
 * The template with a new secret wherever it has none, or, where a file exists already, that file with what it lacks.
 * Answers `undefined` when it lacks nothing. `newSecret` is told the name of the variable.
 */
export function completed(
  template: string,
  existing: string | undefined,
  newSecret: (name: string) => string,
): string | undefined {
  if (existing === undefined) {
    return template.replace(/^([A-Z][A-Z0-9_]*)=$/gm, (_, name) => `${name}=${newSecret(name)}`);
  }
  const isThere = (name: string) =>
    name === "API_KEYS" ? saysWhoMayComeIn(existing) : new RegExp(`^${name}=\\S`, "m").test(existing);
  const missing = secretsOf(template).filter((name) => !isThere(name));
  if (missing.length === 0) return undefined;
  return `${existing.trimEnd()}\n\n${missing.map((name) => `${name}=${newSecret(name)}\n`).join("")}`;
}

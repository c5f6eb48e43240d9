/** The variables of the template that are left empty for a secret. */
export function secretsOf(template: string): string[] {
  return [...template.matchAll(/^([A-Z][A-Z0-9_]*)=$/gm)].map(([, name = ""]) => name);
}

/**
 * The template with a new secret wherever it has none, or, where a file exists already, that file with what it lacks.
 * Answers `undefined` when it lacks nothing.
 */
export function completed(
  template: string,
  existing: string | undefined,
  newSecret: () => string,
): string | undefined {
  if (existing === undefined) {
    return template.replace(/^([A-Z][A-Z0-9_]*)=$/gm, (_, name) => `${name}=${newSecret()}`);
  }
  const missing = secretsOf(template).filter((name) => !new RegExp(`^${name}=\\S`, "m").test(existing));
  if (missing.length === 0) return undefined;
  return `${existing.trimEnd()}\n\n${missing.map((name) => `${name}=${newSecret()}\n`).join("")}`;
}

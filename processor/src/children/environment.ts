/** Variables that every child gets. */
const always = ["PATH", "HOME", "LANG", "TZ", "TMPDIR"];

/**
 * The environment of a child: of the service's own `env` only the usual variables and those that the processor names, so
 * that no secret of the service is among them; and `own`, the `SATE_…` variables of the run.
 */
export function childEnvironment(
  env: Record<string, string | undefined>,
  named: readonly string[],
  own: Record<string, string> = {},
): Record<string, string> {
  const child: Record<string, string> = {};
  for (const name of [...always, ...named]) {
    const value = env[name];
    if (value !== undefined) child[name] = value;
  }
  return { ...child, ...own };
}

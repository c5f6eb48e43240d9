/** Variables that every child gets. */
const always = ["PATH", "HOME", "LANG", "TZ", "TMPDIR"];

/**
 * The environment of a child: the usual variables and those that the processor names, from the service's `env`, and
 * `own`, the `SATE_…` variables of the run. No other variable of the service, and so none of its secrets, is passed on.
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

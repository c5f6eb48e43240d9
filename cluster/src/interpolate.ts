/** `$$`, `${NAME}`, `${NAME:-default}` and `${NAME:?message}`: what compose.yaml uses of Docker's interpolation. */
const variable = /\$\$|\$\{([A-Z][A-Z0-9_]*)(?::([-?])([^}]*))?\}/g;

/** Puts the environment's values in, as Docker does: an empty value counts as none. */
export function interpolate(text: string, env: Record<string, string | undefined>): string {
  return text.replace(variable, (found, name?: string, kind?: string, rest = "") => {
    if (name === undefined) return found.slice(1);
    const value = env[name];
    if (value) return value;
    if (kind === "?") throw new Error(`${name} is not set: ${rest}.`);
    return kind === "-" ? rest : (value ?? "");
  });
}

const unitsMs: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** A duration of compose.yaml, such as `1m30s`, in milliseconds. */
export function durationMs(text: string): number {
  if (!/^(\d+(ms|s|m|h))+$/.test(text)) throw new Error(`"${text}" is not a duration.`);
  return [...text.matchAll(/(\d+)(ms|s|m|h)/g)].reduce(
    (sum, [, count, unit = ""]) => sum + Number(count) * (unitsMs[unit] ?? 0),
    0,
  );
}

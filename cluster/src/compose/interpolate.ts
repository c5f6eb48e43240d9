const dollar = /\$(?:(\$)|\{([A-Z][A-Z0-9_]*)(?::([-?])([^{}$]*))?\})?/g;

/**
 * Replaces `$$`, `${NAME}`, `${NAME:-default}` and `${NAME:?message}` as Docker does: an empty value counts as none.
 * Throws at any other `$`, which Docker might understand in another way.
 */
export function interpolate(text: string, env: Record<string, string | undefined>): string {
  return text.replace(dollar, (_, doubled?: string, name?: string, kind?: string, rest = "") => {
    if (doubled) return "$";
    if (!name) throw new Error(`compose.yaml: the cluster does not support the $ in "${text}".`);
    if (env[name]) return env[name];
    if (kind === "?") throw new Error(`${name} is not set: ${rest}.`);
    return rest;
  });
}

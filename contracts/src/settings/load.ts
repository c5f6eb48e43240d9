import type { Static, TObject, TSchema } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";

export type Environment = Record<string, string | undefined>;
type LoadedSettings<T> = { kind: "loaded"; settings: T } | { kind: "wrong"; problems: string[] };

/**
 * Reads settings from the environment; an empty variable counts as absent. Each schema's `description`
 * completes the sentence "<NAME> must be …". Pure. Names all mistakes at once, and repeats no value: it may
 * be a secret.
 */
export function loadSettings<S extends TObject>(schema: S, env: Environment): LoadedSettings<Static<S>> {
  const settings: Record<string, unknown> = {};
  const problems: string[] = [];
  for (const [name, setting] of Object.entries<TSchema>(schema.properties)) {
    const text = env[name]?.trim();
    const value = text === undefined || text === "" ? setting.default : parsed(setting, text);
    if (value === undefined) problems.push(`${name} is missing: it must be ${setting.description}.`);
    else if (!Value.Check(setting, value)) problems.push(`${name} must be ${setting.description}.`);
    settings[name] = value;
  }
  if (problems.length > 0) return { kind: "wrong", problems };
  return { kind: "loaded", settings: settings as Static<S> };
}

function parsed(setting: TSchema, text: string): unknown {
  return setting.type === "integer" || setting.type === "number" ? Number(text) : text;
}

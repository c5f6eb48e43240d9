import { basename } from "node:path";
import type { Definition } from "../../kit/index.ts";
import { validatorOf } from "./run.ts";

// This runs in children, so it imports nothing that takes long to load.

/** The declarations of a module. */
export type ModuleDescription = {
  version: string;
  inputJson?: string;
  /** The other members of the definition, as they are. */
  settings: Record<string, unknown>;
};

/** Throws an error with a sentence if the default export of the module is not a definition. */
export function definitionOf(module: unknown): Definition {
  const { default: given } = (module ?? {}) as { default?: Partial<Definition> };
  if (typeof given?.run === "function") return given as Definition;
  throw new Error(
    "it has no default export with a function `run`: export default defineProcessor({ run(payload) { … } }).",
  );
}

/** Throws an error with a sentence if `input` or `output` is not a JSON Schema. */
export async function describeModule(definition: Definition, version: string): Promise<ModuleDescription> {
  const { input, output, ...others } = definition;
  for (const [name, schema] of Object.entries({ input, output })) {
    if (schema === undefined) continue;
    if (typeof schema !== "object") throw new Error(`its ${name} must be a TypeBox or JSON Schema object.`);
    try {
      (await validatorOf(schema)).validate(null);
    } catch (error) {
      throw new Error(`its ${name} is not a JSON Schema: ${reasonOf(error)}`);
    }
  }
  const settings = Object.fromEntries(
    Object.entries(others).filter(([, value]) => typeof value !== "function"),
  );
  return {
    version,
    ...(input !== undefined && { inputJson: JSON.stringify(input) }),
    settings: JSON.parse(JSON.stringify(settings)),
  };
}

const reasonCharsMax = 500;

/** The reason in one line. Bun reports several errors of a file as one, whose message is only their number. */
export function reasonOf(error: unknown): string {
  const first = error instanceof AggregateError ? error.errors[0] : error;
  if (!(first instanceof Error)) return `it threw ${String(first)}.`.slice(0, reasonCharsMax);
  const { position } = first as { position?: { file: string; line: number; column: number } | null };
  const where = position ? ` (${basename(position.file)}:${position.line}:${position.column})` : "";
  return `${first.message.replaceAll(/\s+/g, " ").slice(0, reasonCharsMax)}${where}`;
}

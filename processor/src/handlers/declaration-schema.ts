import { limits, RetryPolicy } from "@sate/contracts";
import { type Static, type TObject, Type } from "@sinclair/typebox";
import { Value, ValueErrorType } from "@sinclair/typebox/value";
import { runLimits } from "./run-limits.ts";

/** Each `description` completes the sentence "<field> must be …". */

const closed = { additionalProperties: false } as const;

/** The fields that every kind has. */
const common = {
  timeout_seconds: runLimits.timeoutSeconds,
  concurrency: runLimits.concurrency,
  max_per_minute: runLimits.maxPerMinute,
  retry: Type.Optional(
    Type.Object(
      {
        tries: runLimits.tries,
        first_seconds: runLimits.firstSeconds,
        max_seconds: runLimits.maxSeconds,
      },
      { ...closed, description: "a table, such as { tries = 3, first_seconds = 1, max_seconds = 60 }" },
    ),
  ),
  input: Type.Optional(
    Type.Object({}, { additionalProperties: true, description: "a table: the JSON Schema of the payload" }),
  ),
};

export const CommandDeclaration = Type.Object(
  {
    kind: Type.Literal("command"),
    command: Type.Array(Type.String({ pattern: "^[^\\0]*$", description: "a string" }), {
      minItems: 1,
      description: 'a list of the program and its arguments, such as ["python3", "transcode.py"]',
    }),
    env: runLimits.env,
    memory_mib: runLimits.memoryMib(16),
    ...common,
  },
  closed,
);
export type CommandDeclaration = Static<typeof CommandDeclaration>;

export const HttpDeclaration = Type.Object(
  {
    kind: Type.Literal("http"),
    url: Type.String({
      pattern: "^https?://",
      description: "an address that begins with https:// or http://",
    }),
    headers: Type.Optional(
      Type.Record(Type.String(), Type.String({ description: "a string" }), {
        description: `a table of strings, such as { Authorization = "Bearer \${TOKEN}" }`,
      }),
    ),
    signing_secret_env: Type.Optional(
      Type.String({ pattern: "^[^\\0]+$", description: "the name of an environment variable" }),
    ),
    ...common,
  },
  closed,
);
export type HttpDeclaration = Static<typeof HttpDeclaration>;

export type Declaration = CommandDeclaration | HttpDeclaration;

/**
 * Checks a parsed declaration. Reports all problems at once, one sentence for each field, and never repeats a value.
 */
export function checkDeclaration(
  given: object,
): { kind: "checked"; declaration: Declaration } | { kind: "wrong"; problems: string[] } {
  const { kind } = given as { kind?: unknown };
  if (kind !== "command" && kind !== "http") {
    return { kind: "wrong", problems: ['`kind` must be "command" or "http".'] };
  }
  const schema: TObject = kind === "command" ? CommandDeclaration : HttpDeclaration;
  const problems = new Map<string, string>();
  for (const { path, type, schema: of } of Value.Errors(schema, given)) {
    const field = path.slice(1).replaceAll("/", ".");
    // The first error of a field is the most specific.
    if (problems.has(field)) continue;
    if (type === ValueErrorType.ObjectAdditionalProperties) {
      const known = Object.keys(field.startsWith("retry.") ? RetryPolicy.properties : schema.properties);
      problems.set(field, `\`${field}\` is not a known field; the fields are ${known.join(", ")}.`);
    } else if (type === ValueErrorType.ObjectRequiredProperty) {
      problems.set(field, `\`${field}\` is missing: it must be ${of.description}.`);
    } else {
      problems.set(field, `\`${field}\` must be ${of.description}.`);
    }
  }
  const { input } = given as { input?: unknown };
  if (input !== undefined && JSON.stringify(input).length > limits.inputSchemaCharsMax) {
    problems.set("input", `\`input\` must have at most ${limits.inputSchemaCharsMax} characters as JSON.`);
  }
  if (problems.size > 0) return { kind: "wrong", problems: [...problems.values()] };
  return { kind: "checked", declaration: given as Declaration };
}

import { limits, ProcessorAnnouncement, RetryPolicy } from "@sate/contracts";
import { type Static, type TObject, type TSchema, Type } from "@sinclair/typebox";
import { Value, ValueErrorType } from "@sinclair/typebox/value";

/** Each `description` completes the sentence "<field> must be …". */

const closed = { additionalProperties: false } as const;
const { timeout_seconds, concurrency, max_per_minute } = ProcessorAnnouncement.properties;
const { tries, first_seconds, max_seconds } = RetryPolicy.properties;
const is = <S extends TSchema>(schema: S, description: string): S => ({ ...schema, description });
const text = (description: string) => Type.String({ pattern: "^[^\\0]+$", description });

/** The fields that every kind has. */
const limitsOfRuns = {
  timeout_seconds: Type.Optional(
    is(timeout_seconds, `a number of seconds above 0, at most ${limits.timeoutSecondsMax}`),
  ),
  concurrency: is(concurrency, `a whole number from 1 to ${limits.workerRunsMax}`),
  max_per_minute: is(max_per_minute, "a whole number from 1 to 1000000"),
  retry: Type.Optional(
    Type.Object(
      {
        tries: is(tries, `a whole number from 1 to ${limits.triesMax}, the first try included`),
        first_seconds: Type.Optional(
          is(first_seconds, "a number of seconds from 0.1 to 86400: the first pause"),
        ),
        max_seconds: Type.Optional(
          is(max_seconds, "a number of seconds from 0.1 to 86400: the longest pause"),
        ),
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
    command: Type.Array(Type.String({ pattern: "^[^\\0]*$", description: "text" }), {
      minItems: 1,
      description: 'a list of the program and its arguments, such as ["python3", "transcode.py"]',
    }),
    env: Type.Optional(
      Type.Array(
        Type.String({ pattern: "^[A-Za-z_][A-Za-z0-9_]*$", description: "the name of a variable" }),
        {
          description: 'a list of names of environment variables, such as ["S3_KEY"]',
        },
      ),
    ),
    memory_mib: Type.Optional(
      Type.Integer({ minimum: 16, maximum: 1_048_576, description: "a whole number from 16 to 1048576" }),
    ),
    ...limitsOfRuns,
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
      Type.Record(Type.String(), Type.String({ description: "text" }), {
        description: `a table of texts, such as { Authorization = "Bearer \${TOKEN}" }`,
      }),
    ),
    signing_secret_env: Type.Optional(text("the name of an environment variable")),
    ...limitsOfRuns,
  },
  closed,
);
export type HttpDeclaration = Static<typeof HttpDeclaration>;

export type Declaration = CommandDeclaration | HttpDeclaration;

/** Checks what was read from a file. All mistakes are named at once, one sentence each, by field. Repeats no value. */
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
    // The first error of a field is the one that says most.
    if (problems.has(field)) continue;
    if (type === ValueErrorType.ObjectAdditionalProperties) {
      const known = Object.keys(field.startsWith("retry.") ? RetryPolicy.properties : schema.properties);
      problems.set(field, `\`${field}\` is not a field; the fields are ${known.join(", ")}.`);
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
